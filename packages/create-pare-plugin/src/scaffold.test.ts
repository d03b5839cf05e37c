import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TEMPLATE_NAMES, type TemplateName } from './kinds.js'
import { openWorkshop, type Workshop } from './testing/workshop.js'

let workshop: Workshop

/** A plugin of each kind, in one folder, compiled at once. */
beforeAll(async () => {
  workshop = await openWorkshop()
  for (const kind of TEMPLATE_NAMES) await workshop.create(`first-${kind}`, kind)
  const { stdout, exitCode } = await workshop.build()
  expect(`${stdout}${exitCode}`).toBe('0')
}, 240_000)
afterAll(() => workshop[Symbol.asyncDispose]())

it('plugins of every kind pass their own tests', async () => {
  const { stdout, stderr } = await workshop.run('vitest', ['run', '--root', workshop.path, '--reporter', 'json', ...FOLDERS])
  const { success, numTotalTests, testResults } = JSON.parse(stdout) as Report
  const failed = testResults.flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed'))
  expect({ failed, success, stderr }).toEqual({ failed: [], success: true, stderr: '' })
  expect(testResults).toHaveLength(TEMPLATE_NAMES.length)
  expect(numTotalTests).toBeGreaterThan(300)
}, 240_000)

it('pare plugin check finds nothing wrong, in what is there and in what it does', async () => {
  const { exitCode, stdout, stderr } = await workshop.run('pare', ['plugin', 'check', 'pare-criterion-first-criterion', '--json'])
  const { findings, laws } = JSON.parse(stdout) as { findings: readonly { readonly status: string }[]; laws: readonly unknown[] }
  expect({ exitCode, stderr, other: findings.filter(({ status }) => status !== 'pass') }).toEqual({
    exitCode: 0,
    stderr: '',
    other: [],
  })
  expect([findings.length, laws.length]).toEqual([10, 6])
}, 120_000)

/** Tests in src, and not what is built of them. */
const FOLDERS = ['--exclude', '**/dist/**', '--exclude', '**/built/**', '--exclude', '**/node_modules/**']

interface Report {
  readonly success: boolean
  readonly numTotalTests: number
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

describe('is used by its name', () => {
  it.each<[TemplateName, readonly string[], object]>([
    ['criterion', ['--criterion', 'first-criterion:from=0.1', '--sparsity', '0.5'], { criterion: 'first-criterion' }],
    [
      'unit-criterion',
      ['--criterion', 'first-unit-criterion', '--structure', 'neuron', '--ratio', '0.25', '--calibrate', 'calibrate.npz'],
      { structure: 'neuron', criterion: 'first-unit-criterion' },
    ],
    [
      'solver',
      ['--criterion', 'first-solver', '--sparsity', '0.5', '--calibrate', 'calibrate.npz'],
      { criterion: 'first-solver', target: { sparsity: 0.5 } },
    ],
    ['structure', ['--structure', 'first-structure:least=20', '--sparsity', '0.5'], { structure: 'first-structure' }],
    ['cut-structure', ['--structure', 'first-cut-structure', '--ratio', '0.25'], { structure: 'first-cut-structure' }],
    ['preset', ['--preset', 'first-preset:sparsity=0.3'], { criterion: 'magnitude', target: { sparsity: 0.3 } }],
  ])('%s', async (kind, options, step) => {
    const { exitCode, stderr } = await workshop.run('pare', ['plan', 'model.onnx', '--out', kind, '--quiet', ...options])
    expect([exitCode, stderr]).toEqual([0, ''])
    const plan = JSON.parse(await readFile(join(workshop.path, kind, 'model.plan.json'), 'utf8')) as { steps: readonly object[] }
    expect(plan.steps[0]).toMatchObject(step)
  })

  it('metric', async () => {
    const argv = ['evaluate', 'model.onnx', '--data', 'val.npz', '--json', '--metric', 'first-metric:by=2']
    const { metrics } = JSON.parse((await workshop.run('pare', argv)).stdout) as { metrics: Readonly<Record<string, number>> }
    expect(metrics['first-metric:by=2']).toBeGreaterThan(0.9)
  })
})
