import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runResults } from '@pare/report'
import { unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { events } from './testing/events.js'
import { skipReason } from './testing/node24.js'
import { runStep, type Services, type StepResult, startServices } from './testing/runner.js'
import { checkOut, type Machine, makeMachine } from './testing/workspace.js'

// Jobs as gate.yml starts them, each on a machine of its own, with the bundle under Node 24.

const skipped = skipReason()
const config = JSON.stringify({
  evaluate: { data: 'val.npz', metric: 'accuracy' },
  gate: { maxDrop: 0.02 },
  models: [
    { path: 'a.onnx', prune: [{ target: { sparsity: 0.3 } }] },
    { path: 'b.onnx', prune: [{ structure: 'neuron', target: { ratio: 0.1 } }] },
  ],
})
const files = {
  'a.onnx': { testModel: 'mlp-digits.onnx' },
  'b.onnx': { testModel: 'mlp-digits.onnx' },
  'val.npz': { testModel: 'data/digits-evaluate.npz' },
  'pare.config.json': config,
}

describe.skipIf(skipped !== undefined)(`a run of many jobs${skipped === undefined ? '' : ` (skipped: ${skipped})`}`, () => {
  let services: Services
  const machines: Machine[] = []
  beforeAll(async () => {
    services = await startServices()
  })
  afterAll(async () => {
    await services[Symbol.asyncDispose]()
    for (const machine of machines) machine[Symbol.dispose]()
  })

  /** The tool cache of the first is that of all: ONNX Runtime is fetched once. */
  function newMachine(): Machine {
    const machine = makeMachine(machines[0]?.toolCache)
    machines.push(machine)
    checkOut(machine, files)
    return machine
  }

  const job = (inputs: Record<string, string>, machine = newMachine()): Promise<StepResult> =>
    runStep(machine, services, { event: events.push, with: inputs })

  function download(machine: Machine, names: readonly string[]): string {
    const folder = join(machine.temp, 'shards')
    mkdirSync(folder, { recursive: true })
    for (const name of names)
      for (const [path, bytes] of Object.entries(unzipSync(services.store.artifacts.get(name)!))) {
        const to = join(folder, name, path)
        mkdirSync(dirname(to), { recursive: true })
        writeFileSync(to, bytes)
      }
    return folder
  }

  const shared: { results?: string } = {}

  it('plans, does every shard, and judges once', async () => {
    const plan = await job({ mode: 'plan', shards: '2' })
    expect([plan.exitCode, plan.outputs], plan.log).toEqual([0, { conclusion: 'plan', shards: '[1,2]' }])
    for (const shard of JSON.parse(plan.outputs.shards!) as number[]) {
      const step = await job({ shard: `${shard}/2`, 'artifact-name': `pare-shard-${shard}` })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([0, 'shard'])
      expect(step.summary).toContain(`shard ${shard} of 2`)
    }
    const machine = newMachine()
    const folder = download(machine, ['pare-shard-1', 'pare-shard-2'])
    const merge = await job({ mode: 'merge', 'shards-path': folder, 'artifact-name': 'pare' }, machine)
    expect([merge.exitCode, merge.outputs.conclusion], merge.log).toEqual([0, 'pass'])
    const results = runResults.parse(JSON.parse(readFileSync(merge.outputs['results-path']!, 'utf8')))
    expect(results.models.map(({ path, verdict }) => [path, verdict])).toEqual([
      ['a.onnx', 'pass'],
      ['b.onnx', 'pass'],
    ])
    shared.results = JSON.stringify(results)
  }, 300_000)

  it('a shard that is missing is incomplete, and red', async () => {
    const machine = newMachine()
    const folder = download(machine, ['pare-shard-1'])
    const merge = await job({ mode: 'merge', 'shards-path': folder, upload: 'none' }, machine)
    expect([merge.exitCode, merge.outputs.conclusion], merge.log).toEqual([3, 'incomplete'])
    expect(merge.summary).toContain('shard 2 of 2 is missing')
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    const nothing = await job({ mode: 'merge', 'shards-path': folder, upload: 'none' }, machine)
    expect([nothing.exitCode, nothing.outputs.conclusion], nothing.log).toEqual([2, 'error'])
  }, 300_000)

  describe('mode report, for forks', () => {
    const report = async (text: string, pull?: { number: number; head: { sha: string } }) => {
      const machine = newMachine()
      writeFileSync(join(machine.temp, 'results.json'), text)
      services.api.pulls.clear()
      services.api.comments.length = 0
      if (pull !== undefined) services.api.pulls.set('mallory:patch', pull)
      const inputs = { mode: 'report', results: join(machine.temp, 'results.json'), comment: 'always', upload: 'none' }
      return await runStep(machine, services, { event: events.forkWorkflowRun, with: inputs })
    }

    it('renders anew what another run measured, and comments on the pull request whose head it was', async () => {
      const step = await report(shared.results!, { number: 9, head: { sha: 'c0ffee' } })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([0, 'pass'])
      expect(services.api.comments.map(({ body }) => body)).toEqual([expect.stringContaining('a.onnx')])
    })

    it('says nothing where the pull request has gone on', async () => {
      const step = await report(shared.results!, { number: 9, head: { sha: 'newer' } })
      expect([step.exitCode, services.api.comments], step.log).toEqual([0, []])
      expect(step.log).toContain('no open pull request has c0ffee as its head')
    })

    it.each([
      ['no JSON', 'no JSON'],
      ['{"schemaVersion":1,"command":"run","verdict":"pass","models":"none"}', 'does not hold the results of a run'],
    ])('refuses %s', async (text, message) => {
      const step = await report(text, { number: 9, head: { sha: 'c0ffee' } })
      expect([step.exitCode, step.outputs.conclusion], step.log).toEqual([4, 'error'])
      expect(step.log).toContain(message)
    })
  })
})
