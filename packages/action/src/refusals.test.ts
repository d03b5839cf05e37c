import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { events } from './testing/events.js'
import { skipReason } from './testing/node24.js'
import { runStep, type Services, startServices, startStep } from './testing/runner.js'
import { checkOut, type Machine, makeMachine, sharedToolCache } from './testing/workspace.js'

const skipped = skipReason()
const digits = {
  'models/digits.onnx': { testModel: 'mlp-digits.onnx' },
  'data/val.npz': { testModel: 'data/digits-evaluate.npz' },
}
const green = { models: 'models/digits.onnx', data: 'data/val.npz', metric: 'accuracy', sparsity: '0.3', 'max-drop': '0.02' }
const typescriptConfig = `
  import { writeFileSync } from 'node:fs'
  writeFileSync('pwned', '')
  export default { models: [{ path: 'models/digits.onnx' }] }`

describe.skipIf(skipped !== undefined)(
  `a step that cannot give a verdict${skipped === undefined ? '' : ` (skipped: ${skipped})`}`,
  () => {
    let services: Services
    let machine: Machine
    const toolCache = sharedToolCache(afterAll)
    beforeEach(async () => {
      services = await startServices()
      machine = makeMachine(toolCache)
      checkOut(machine, digits)
    })
    afterEach(async () => {
      await services[Symbol.asyncDispose]()
      machine[Symbol.dispose]()
    })

    it('pull_request_target from a fork with a TypeScript config: exit 4, and the config does not run', async () => {
      checkOut(machine, { 'pare.config.ts': typescriptConfig })
      const step = await runStep(machine, services, { event: events.forkPullRequestTarget, with: { comment: 'always' } })
      expect(step.exitCode, step.log).toBe(4)
      expect(step.outputs).toEqual({ conclusion: 'error' })
      expect(step.annotations[0]?.message).toMatch(/pare\.config\.ts.*not trusted.*hint: .*json/s)
      expect(step.summary).toContain('no verdict')
      expect(step.log).toContain("pull_request_target runs with this repository's secrets on code of a fork")
      expect(existsSync(join(machine.workspace, 'pwned'))).toBe(false)
    })

    it("pull_request_target from a fork does not touch the workspace's own command line and ONNX Runtime", async () => {
      const bomb = "require('node:fs').writeFileSync('pwned', '')"
      const binding = `node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`
      checkOut(machine, {
        'node_modules/@pare/cli/package.json': JSON.stringify({ version: '9.9.9', bin: { pare: 'main.js' } }),
        'node_modules/@pare/cli/main.js': bomb,
        'node_modules/onnxruntime-node/package.json': JSON.stringify({ main: 'index.js' }),
        'node_modules/onnxruntime-node/index.js': bomb,
        [binding]: '',
      })
      const step = await runStep(machine, services, { event: events.forkPullRequestTarget, with: green })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([0, 'pass'])
      expect(existsSync(join(machine.workspace, 'pwned'))).toBe(false)
    })

    it("onnxruntime-path inside a stranger's workspace: exit 4", async () => {
      const binding = `vendor/bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`
      checkOut(machine, { 'vendor/package.json': '{}', [binding]: '' })
      const step = await runStep(machine, services, {
        event: events.forkPullRequestTarget,
        with: { ...green, 'onnxruntime-path': 'vendor' },
      })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([4, 'error'])
    })

    it.each([
      ['a data set that is a module', { data: 'data/val.mjs' }],
      ['a third-party plugin', { criterion: 'pare-criterion-evil' }],
    ])("%s in a stranger's workspace: exit 4, and it does not run", async (_, inputs) => {
      checkOut(machine, {
        'data/val.mjs': "import { writeFileSync } from 'node:fs'\nwriteFileSync('pwned', '')\nexport default []",
        'node_modules/pare-criterion-evil/package.json': JSON.stringify({ name: 'pare-criterion-evil', main: 'index.js' }),
        'node_modules/pare-criterion-evil/index.js': "require('node:fs').writeFileSync('pwned', '')",
      })
      const step = await runStep(machine, services, { event: events.forkPullRequestTarget, with: { ...green, ...inputs } })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([4, 'error'])
      expect(existsSync(join(machine.workspace, 'pwned'))).toBe(false)
    })

    it('bad config: exit 2, with an annotation for each problem, at its line', async () => {
      checkOut(machine, {
        'pare.config.json': JSON.stringify({ models: [{ path: 'models/digits.onnx', evalaute: {}, gate: { maxDrop: '1%' } }] }),
      })
      const step = await runStep(machine, services, { event: events.push, with: {} })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([2, 'error'])
      expect(step.annotations.map(({ message }) => message)).toEqual([
        expect.stringMatching(/evalaute/),
        expect.stringMatching(/maxDrop/),
      ])
      expect(step.log.match(/^::error .*file=pare\.config\.\w+,line=\d+,col=\d+::/gm)).toHaveLength(2)
      expect(services.store.artifacts.size).toBe(0)
    })

    it('bad inputs: exit 2, before anything is downloaded', async () => {
      const step = await runStep(machine, services, {
        event: events.push,
        with: { ...green, 'max-drop': '1%', shard: '4/3' },
      })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([2, 'error'])
      expect(step.annotations[0]?.message).toMatch(/2 inputs are wrong.*'max-drop' is '1%'.*'shard' is '4\/3'/s)
      expect(services.registry.requests).toEqual([])
    })

    it('a working directory that is not there: exit 2', async () => {
      const step = await runStep(machine, services, { event: events.push, with: { ...green, 'working-directory': 'nowhere' } })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([2, 'error'])
      expect(step.annotations[0]?.message).toMatch(/'working-directory' is 'nowhere'.*hint: .*checkout/s)
    })

    it('a download with the wrong hash: exit 3, and nothing is unpacked', async () => {
      services.registry.instead.set('onnxruntime-node', Buffer.from('not what was published'))
      using fresh = makeMachine()
      checkOut(fresh, digits)
      const step = await runStep(fresh, services, { event: events.push, with: green })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([3, 'error'])
      expect(step.annotations[0]?.message).toMatch(/onnxruntime-node 1\.30\.0 has the integrity\n.*expected/s)
      expect(readdirSync(join(fresh.toolCache, 'pare-onnxruntime', '1.30.0'))).toEqual([])
    })

    it('a Git LFS pointer instead of a model: says so, with the cure', async () => {
      checkOut(machine, {
        'models/digits.onnx': `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 204800\n`,
      })
      const step = await runStep(machine, services, { event: events.push, with: green })
      expect(step.exitCode, step.log).toBe(3)
      expect(step.outputs.conclusion).toBe('incomplete')
      expect(step.annotations[0]?.message).toMatch(/LFS.*lfs/s)
    })

    it('a crash of one model leaves the results of the others', async () => {
      writeFileSync(join(machine.workspace, 'models/broken.onnx'), 'not a model')
      const step = await runStep(machine, services, {
        event: events.push,
        with: { ...green, models: 'models/broken.onnx\nmodels/digits.onnx' },
      })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([3, 'incomplete'])
      const { models } = JSON.parse(readFileSync(step.outputs['results-path']!, 'utf8')) as { models: { verdict: string }[] }
      expect(models.map(({ verdict }) => verdict)).toEqual(['incomplete', 'pass'])
    })

    // Windows has no SIGINT to send to another process.
    it.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)(
      '%s while it downloads: exit 130, nothing left',
      async (signal) => {
        services.registry.instead.set('onnxruntime-node', 'stall')
        using fresh = makeMachine()
        checkOut(fresh, digits)
        const step = startStep(fresh, services, { event: events.push, with: green })
        await until(() => services.registry.requests.includes('onnxruntime-node'))
        step.process.kill(signal)
        const { exitCode, outputs, log } = await step.result
        expect([exitCode, outputs], log).toEqual([130, { conclusion: 'cancelled' }])
        expect(readdirSync(join(fresh.toolCache, 'pare-onnxruntime', '1.30.0'))).toEqual([])
      },
    )

    it.skipIf(process.platform === 'win32')('cancelled while it measures: the child ends, too', async () => {
      checkOut(machine, {
        'models/large.onnx': { testModel: 'lm-llama.onnx' },
        'data/large.npz': { testModel: 'data/lm-evaluate.npz' },
      })
      const large = { models: 'models/large.onnx', data: 'data/large.npz', metric: 'perplexity', 'max-drop': 'relative=0.1' }
      const step = startStep(machine, services, { event: events.push, with: large })
      await step.seen('measuring')
      await new Promise((resolve) => setTimeout(resolve, 500))
      step.process.kill('SIGINT')
      const killed = Date.now()
      const { exitCode, outputs, log } = await step.result
      expect([exitCode, outputs], log).toEqual([130, { conclusion: 'cancelled' }])
      expect(Date.now() - killed).toBeLessThan(7_500)
      expect(processesUsing(machine.action)).toEqual([])
      expect(services.store.artifacts.size).toBe(0)
    })
  },
)

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** Command lines on Linux that name the folder; elsewhere nothing is looked at. */
function processesUsing(folder: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const line = readFileSync(`/proc/${entry}/cmdline`, 'utf8')
      return line.includes(folder) ? [line] : []
    } catch {
      return []
    }
  })
}
