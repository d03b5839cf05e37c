import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { runResults } from '@pare/report'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { repository } from './testing/action-yml.js'
import { zipNames } from './testing/artifact-service.js'
import { events } from './testing/events.js'
import { skipReason } from './testing/node24.js'
import { runStep, type Services, type StepResult, startServices } from './testing/runner.js'
import { checkOut, type Machine, makeMachine, sharedToolCache } from './testing/workspace.js'

// The bundle as GitHub runs it: under Node 24, outside of the repository, no node_modules, a tool cache that the first step fills, fakes on loopback.

const skipped = skipReason()
const digits = {
  'models/digits.onnx': { testModel: 'mlp-digits.onnx' },
  'data/val.npz': { testModel: 'data/digits-evaluate.npz' },
}
const green = { models: 'models/digits.onnx', data: 'data/val.npz', metric: 'accuracy', sparsity: '0.3', 'max-drop': '0.02' }
const red = { ...green, sparsity: '0.98' }

/** Two handwritten digits of each class: the class, then 8 × 8 pixels from 0 to g, which is 16. */
const DIGITS = [
  '0002ed30000dd9b0000g70c0003g50a5005g1085003g10a5000g85e30004gg910',
  '0000cb00000cc9a0002g21b1001f0058002e005a000d202d0007907b0000bdg20',
  '10000be300002gg20000bge00003ggf0001dggd0006g9fd000000cg1000009e10',
  '10000c5000002gc00001cgb0002cgga0006b5f6000001g9000002gb000003g800',
  '2007ge300009ebf0000150f5000000g5000003g400001ce10005cgge1008gead3',
  '2005ff20003g9g5000591g100000a9000001g30000099000000be7620006ggf20',
  '3009ga1000083g4000005e200002gf70000003f2004600d7006d15g3000agf500',
  '3003cge0003fgfe0003c1f8000009g800000agg8000025d80002bbf50003gg900',
  '4000a9000005f009500ea07g405g75g600bggge00034bg8000007g200000cc000',
  '4001af200007g735003g73gb009e1ae200bggga000248g3000009d000000c9000',
  '5005gg300009g700000cf200001fgf400009dg9000000ec00005cg800003ff100',
  '500da887004ggggf200ag5000000dc0000006f0000008f000016ac00001dg5000',
  '6003b000000cb000001e1000002f0000004ffgf2001g848b001gb7ac0005acf70',
  '6002e5000009c000001f1000003f0000006gggd1002g847b000cb18b0003cgf40',
  '7002dg90000cc7g3001e30g400004ag60000dgg900005d100000b9000001g4000',
  '7002eg800004cgb000000gc000003g900025agc200gggge30044ec000002g7000',
  '80003ca00001e6f00000g6a00000eg200003ef30001g49900004d47800003abf2',
  '8005dd80000gbdg6001g52e90009ggf0000agee0005f40g6006e76g40007fga00',
  '9008ga20000cdeb0000ad8g20004ffg8000038bd0000005g4001227g5003eggb1',
  '9005cdc0007d58f0004e4dg30006c8940000008800000068000132d60006gg810',
]

describe.skipIf(skipped !== undefined)(`a step${skipped === undefined ? '' : ` (skipped: ${skipped})`}`, () => {
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

  it('on a push, with a gate that passes, is green', async () => {
    const step = await runStep(machine, services, { event: events.push, with: green })
    expect(step.exitCode, step.log).toBe(0)
    expect(step.outputs).toMatchObject({
      conclusion: 'pass',
      'metric-reference': expect.stringMatching(/^0\.9777/),
      'artifact-id': '4001',
    })
    expect(Number(step.outputs.sparsity)).toBeCloseTo(0.3, 4)
    expect(Number(step.outputs['metric-drop'])).toBeCloseTo(
      Number(step.outputs['metric-reference']) - Number(step.outputs['metric-pruned']),
      12,
    )
    expect(Number(step.outputs['size-ratio'])).toBeCloseTo(1, 2)
    expect(step.outputs['artifact-url']).toBe('https://github.com/octo/models/actions/runs/77/artifacts/4001')
    expect(artifacts()).toEqual({ 'pare-prune-0': expect.arrayContaining(['report.html', 'results.json', 'summary.md']) })
    // The report by itself is the page, not a zip.
    expect(services.store.artifacts.get('pare-prune-0.html')?.toString('utf8')).toMatch(/^<!doctype html>/i)
    expect(step.outputs['report-url']).toBe('https://github.com/octo/models/actions/runs/77/artifacts/4002')
    expect(step.summary).toContain('(https://github.com/octo/models/actions/runs/77/artifacts/4002)')
    expect(step.summary).toMatch(/^## .*Pare/)
    expect(step.log).toContain('The workspace is trusted: the event is push.')
    expect(step.log).toContain('ONNX Runtime: download')
    expect(services.registry.requests).toEqual(['onnxruntime-common', 'onnxruntime-node'])
    expect(services.api.comments).toEqual([])
    // The workspace is left as it was checked out.
    expect(readdirSync(machine.workspace).sort()).toEqual(['data', 'models'])
  })

  it('with a gate that fails is red, and outputs and artifact are there', async () => {
    const step = await runStep(machine, services, {
      event: events.pullRequest,
      with: { ...red, upload: 'models', 'retention-days': '3' },
    })
    expect(step.exitCode, step.log).toBe(1)
    expect(step.outputs.conclusion).toBe('fail')
    expect(artifacts()['pare-prune-0']).toEqual(expect.arrayContaining(['results.json', expect.stringMatching(/digits\.onnx$/)]))
    expectResults(step, 'fail')
    const [error] = step.annotations.filter(({ level }) => level === 'error')
    expect(error?.message).toMatch(/accuracy/)
    expect(error?.message).toMatch(/0\.02/)
    expect(step.summary).toContain('models/digits.onnx')
  })

  it('with fail-on: error is green where only the gate fails', async () => {
    const step = await runStep(machine, services, { event: events.push, with: { ...red, 'fail-on': 'error', upload: 'none' } })
    expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([0, 'fail'])
    expect(services.store.artifacts.size).toBe(0)
  })

  it('finds ONNX Runtime in the tool cache the second time', async () => {
    using own = makeMachine()
    checkOut(own, digits)
    const requests = async () => {
      await runStep(own, services, { event: events.push, with: { ...green, upload: 'none' } })
      return services.registry.requests.length
    }
    expect([await requests(), await requests()]).toEqual([2, 2])
  })

  it('comments once, and updates its comment', async () => {
    const strangers = [1, 2, 3].map((id) => ({ id, body: 'nice', user: { login: 'octocat', type: 'User' as const } }))
    services.api.comments.push(...strangers) // two pages
    const pullRequest = { event: events.pullRequest, with: { ...red, comment: 'always', upload: 'none' } }
    expect((await runStep(machine, services, pullRequest)).exitCode).toBe(1)
    const [comment, ...more] = services.api.comments.slice(3)
    expect(more).toEqual([])
    expect(comment?.body).toContain('models/digits.onnx')
    await runStep(machine, services, { ...pullRequest, with: { ...pullRequest.with, sparsity: '0.3' } })
    expect(services.api.comments).toHaveLength(4)
    expect(services.api.comments[3]?.body).toMatch(/30\.0\s%/)
  })

  it('with comment: on-change says nothing of a pull request that changes only texts, and something of one that changes the model', async () => {
    const onChange = { event: events.pullRequest, with: { ...green, comment: 'on-change', upload: 'none' } }
    services.api.files = ['README.md', 'docs/a.md', 'docs/b.md'] // two pages
    const silent = await runStep(machine, services, onChange)
    expect(silent.log).toContain('No comment: the gate passes, and the pull request changes no file that the results depend on.')
    expect(services.api.comments).toEqual([])
    services.api.files = ['README.md', 'docs/a.md', 'models/digits.onnx']
    await runStep(machine, services, onChange)
    expect(services.api.comments).toHaveLength(1)
  })

  it("in a fork's pull request warns that it may not comment, and the verdict stays", async () => {
    services.api.mayWrite = false
    const step = await runStep(machine, services, { event: events.forkPullRequest, with: { ...green, comment: 'always' } })
    expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([0, 'pass'])
    const warnings = step.annotations.filter(({ level }) => level === 'warning').map(({ message }) => message)
    expect(warnings).toContainEqual(expect.stringMatching(/^No comment: .*pull requests from forks.*The verdict is not touched/s))
    expect(services.api.comments).toEqual([])
    expect(services.store.artifacts.size).toBe(2)
  })

  it('whose artifact name is taken uses another one', async () => {
    services.store.usedNames.add('pare-prune-0')
    const step = await runStep(machine, services, { event: events.push, with: green })
    expect([step.exitCode, step.outputs['artifact-id']], step.log).toEqual([0, '4001'])
    expect(Object.keys(artifacts())).toEqual(['pare-prune-0-2'])
  })

  it('on GitHub Enterprise Server, which has no such artifacts, warns', async () => {
    const step = await runStep(machine, services, {
      event: events.push,
      with: green,
      env: { GITHUB_SERVER_URL: 'https://git.example.com' },
    })
    expect([step.exitCode, step.outputs.conclusion, step.outputs['artifact-id']], step.log).toEqual([0, 'pass', undefined])
    expect(step.annotations).toContainEqual({ level: 'warning', message: expect.stringMatching(/^No artifact: .*GHES/) })
  })

  it('reads a config, and inputs win over it', async () => {
    const config = {
      models: [
        {
          path: 'models/digits.onnx',
          evaluate: { data: 'data/val.npz', metric: 'accuracy' },
          prune: [{ target: { sparsity: 0.98 } }],
          gate: { maxDrop: 0.02 },
        },
      ],
    }
    checkOut(machine, { 'pare.config.json': JSON.stringify(config) })
    const asConfigured = await runStep(machine, services, { event: events.push, with: {} })
    expect([asConfigured.exitCode, Number(asConfigured.outputs.sparsity).toFixed(2)], asConfigured.log).toEqual([1, '0.98'])
    const overridden = await runStep(machine, services, { event: events.push, with: { sparsity: '0.3' } })
    expect([overridden.exitCode, Number(overridden.outputs.sparsity).toFixed(2)], overridden.log).toEqual([0, '0.30'])
  })

  it('runs a config in TypeScript with plugins, without anything installed', async () => {
    const folders = readdirSync(join(repository, 'packages')).filter((folder) => /^(criterion|structure|preset)-/.test(folder))
    checkOut(machine, {
      'pare.config.ts': `
        import { defineConfig } from '@pare/cli'
        ${folders.map((folder, i) => `import plugin${i} from '@pare/${folder}'`).join('\n')}
        import { magnitude } from '@pare/criterion-magnitude'
        for (const plugin of [${folders.map((_, i) => `plugin${i}`).join(', ')}]) plugin()
        const sparsity: number = 0.3
        export default defineConfig({
          models: [{ path: 'models/digits.onnx', evaluate: { data: 'data/val.npz', metric: 'accuracy' },
                     prune: [{ criterion: magnitude({ p: 2 }), target: { sparsity } }], gate: { maxDrop: 0.02 } }],
        })`,
    })
    const step = await runStep(machine, services, { event: events.forkPullRequest, with: {} })
    expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([0, 'pass'])
  })

  it('takes a data set that is a module in TypeScript', async () => {
    const module = `
      type Sample = { input: number[]; label: number }
      const written: readonly string[] = ${JSON.stringify(DIGITS)}
      export default async function* (): AsyncGenerator<Sample> {
        for (const [label, ...pixels] of written)
          yield { input: pixels.map((pixel) => parseInt(pixel, 17) / 16), label: Number(label) }
      }`
    checkOut(machine, { 'data/generated.ts': module })
    const step = await runStep(machine, services, {
      event: events.push,
      with: { ...green, data: 'data/generated.ts', 'max-drop': '0.5' },
    })
    expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([0, 'pass'])
    expect(step.summary).toContain('20')
  })

  it("runs the workspace's own command line where it has one", async () => {
    mkdirSync(join(machine.workspace, 'node_modules/@pare'), { recursive: true })
    symlinkSync(join(repository, 'packages/cli'), join(machine.workspace, 'node_modules/@pare/cli'), 'junction')
    const step = await runStep(machine, services, { event: events.pullRequest, with: red })
    expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([1, 'fail'])
    expect(step.log).toMatch(/Engine: @pare\/cli \d+\.\d+\.\d+ of the workspace/)
    expectResults(step, 'fail')
    expect(services.registry.requests).toEqual([])
  })

  it('hides the token from the log', async () => {
    const step = await runStep(machine, services, { event: events.push, with: { ...green, upload: 'none' } })
    expect(step.log.replace('::add-mask::ghs_secret', '')).not.toContain('ghs_secret')
  })

  function artifacts(): Record<string, string[]> {
    const zips = [...services.store.artifacts].filter(([name]) => !name.endsWith('.html'))
    return Object.fromEntries(zips.map(([name, zip]) => [name, zipNames(zip)]))
  }
})

function expectResults(step: StepResult, verdict: string): void {
  const { 'results-path': results = '', 'report-path': report = '' } = step.outputs
  expect([isAbsolute(results), existsSync(report)]).toEqual([true, true])
  expect(runResults.parse(JSON.parse(readFileSync(results, 'utf8'))).verdict).toBe(verdict)
}
