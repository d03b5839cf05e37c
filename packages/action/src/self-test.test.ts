import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { repository } from './testing/action-yml.js'
import { events } from './testing/events.js'
import { skipReason } from './testing/node24.js'
import { runStep, type StepResult, startServices } from './testing/runner.js'
import { checkOut, makeMachine, sharedToolCache } from './testing/workspace.js'

// A ResNet-20 with accuracy 0.9840 on 2,000 digits. One tool cache for all: the first step fills it, as on a machine that is kept.
const skipped = skipReason()
const toolCache = sharedToolCache(afterAll)

async function run(inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  await using services = await startServices()
  using machine = makeMachine(toolCache)
  const files = ['mnist-resnet20-bn.onnx', 'data/mnist-evaluate.npz']
  checkOut(machine, Object.fromEntries(files.map((file) => [`test-models/${file}`, { testModel: file }])))
  return await runStep(machine, services, { event: events.pullRequest, with: inputs })
}

interface Step {
  readonly id?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, string | number>>
}

const workflow = parse(readFileSync(join(repository, '.github/workflows/self-test.yml'), 'utf8')) as {
  jobs: { action: { steps: readonly Step[] } }
}
const inputsOf = (id: string) => {
  const step = workflow.jobs.action.steps.find((one) => one.id === id)
  return Object.fromEntries(Object.entries(step?.with ?? {}).map(([name, value]) => [name, String(value)]))
}

describe.skipIf(skipped !== undefined)('a ResNet-20 in a pull request', () => {
  // The first of them fetches and loads what the others find there.
  it('passes in the green step of self-test.yml', { timeout: 300_000 }, async () => {
    const { exitCode, outputs, log } = await run(inputsOf('green'))
    expect([exitCode, outputs.conclusion, Number(outputs['metric-reference'])], log).toEqual([0, 'pass', 0.984])
  })

  it('fails in the red one, and says which model, which metric, how much, and how much is allowed', async () => {
    const { exitCode, outputs, log, annotations, summary } = await run(inputsOf('red'))
    expect([exitCode, outputs.conclusion], log).toEqual([1, 'fail'])
    const drop = Number(outputs['metric-drop']).toPrecision(3)
    expect(log).toContain('Pare%3A test-models/mnist-resnet20-bn.onnx fails the gate')
    for (const part of ['accuracy', drop, '0.984', '0.005']) expect(annotations[0]?.message).toContain(part)
    for (const part of ['test-models/mnist-resnet20-bn.onnx', 'accuracy', drop, '0.005']) expect(summary).toContain(part)
  })

  // 0.981 at sparsity 0.5: a drop of 0.003.
  it.each([
    ['0.002', 1, 'fail'],
    ['0.005', 0, 'pass'],
  ])('pruned by half with max-drop %s: exit %i, and whether 2,000 samples can tell', async (maxDrop, code, conclusion) => {
    const { exitCode, outputs, log, summary } = await run({ ...inputsOf('green'), sparsity: '0.5', 'max-drop': maxDrop })
    expect([exitCode, outputs.conclusion, Number(outputs['metric-pruned'])], log).toEqual([code, conclusion, 0.981])
    expect(summary).toMatch(/2,000 samples/)
  })
})

describe.skipIf(skipped !== undefined)('an MLP of which 5 % of the weights are left', () => {
  const config = readFileSync(join(repository, 'examples/retrain/pare.config.json'), 'utf8')
  const oneShot = JSON.stringify({
    models: [{ ...JSON.parse(config).models[0], train: undefined, recover: undefined, schedule: undefined }],
  })

  it.each([
    ['fails as it was pruned', oneShot, 1, 'fail'],
    ['passes retrained in stages', config, 0, 'pass'],
  ])(
    '%s',
    async (_, text, code, conclusion) => {
      await using services = await startServices()
      using machine = makeMachine(toolCache)
      const files = ['mlp-digits.onnx', 'data/digits-calibrate.npz', 'data/digits-evaluate.npz']
      checkOut(machine, {
        ...Object.fromEntries(files.map((file) => [`test-models/${file}`, { testModel: file }])),
        'examples/retrain/pare.config.json': text,
      })
      const { exitCode, outputs, log, summary } = await runStep(machine, services, {
        event: events.pullRequest,
        with: inputsOf('retrained'),
      })
      expect([exitCode, outputs.conclusion], log).toEqual([code, conclusion])
      if (code === 0) expect(log).toContain('mlp-digits.onnx: retraining, stage 4 of 4')
      expect(summary.includes('loss while it was retrained')).toBe(code === 0)
    },
    300_000,
  )
})
