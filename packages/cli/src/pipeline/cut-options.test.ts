import { describe, expect, it } from 'vitest'
import { readTasks } from '../settings/tasks.js'
import { fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

interface Document {
  readonly groups: readonly { units: number; removed: number }[]
  readonly macs: { before: number; after: number }
  readonly parameters: { before: number; after: number }
  readonly output: { bytes: number }
  readonly model: { bytes: number }
  readonly warnings?: readonly string[]
}

/** 64-256-128-10: 256 and 128 neurons may go. */
const NEURONS = ['prune', 'model.onnx', '--structure', 'neuron', '--json']

async function prune(options: readonly string[], files: Readonly<Record<string, string>> = {}) {
  await using folder = await fixture(undefined, files)
  const session = await pare([...NEURONS, ...options], { cwd: folder.path })
  expect(session.exitCode).toBe(0)
  const document = session.json() as unknown as Document
  return { ...document, removed: document.groups.map(({ removed }) => removed), stderr: session.stderr }
}

describe('what is kept', () => {
  it('is a multiple, rounded up', async () => {
    // 256 − 77 = 179 and 128 − 38 = 90 kept become 192 and 96.
    expect((await prune(['--ratio', '0.3', '--multiple-of', '32'])).removed).toEqual([64, 32])
  })

  it('is not less than is asked for', async () => {
    expect((await prune(['--ratio', '0.9', '--min-units', '100'])).removed).toEqual([156, 28])
  })

  it('is a share of each group, or over all groups', async () => {
    const [group, global] = await Promise.all(['group', 'global'].map((scope) => prune(['--ratio', '0.25', '--scope', scope])))
    expect(group!.removed).toEqual([64, 32])
    expect(global!.removed[0]! + global!.removed[1]!).toBe(96)
    expect(global!.removed).not.toEqual(group!.removed)
  })

  it.each(['l1', 'l2', 'mean', 'max'])('is chosen by the norm %s', async (norm) => {
    expect((await prune(['--ratio', '0.25', '--norm', norm])).removed).toEqual([64, 32])
  })

  it('by different norms is not the same', async () => {
    await using folder = await fixture()
    const hashes = await Promise.all(
      ['l1', 'l2', 'max'].map(async (norm) => {
        const session = await pare([...NEURONS, '--ratio', '0.5', '--norm', norm, '--out', norm], { cwd: folder.path })
        return (session.json() as unknown as { output: { sha256: string } }).output.sha256
      }),
    )
    expect(new Set(hashes).size).toBe(3)
  })

  it('is told of where rounding up keeps everything', async () => {
    const { removed, warnings, stderr } = await prune(['--ratio', '0.1', '--multiple-of', '64'])
    expect(removed).toEqual([0, 0])
    expect(warnings).toEqual([expect.stringContaining('no neuron unit was removed')])
    expect(stderr).toContain('warning: model.onnx: ')
  })
})

describe('a target', () => {
  it('of MACs, parameters or bytes is met', async () => {
    const macs = await prune(['--target', 'macs=0.5', '--scope', 'global'])
    expect(macs.macs.after).toBeLessThanOrEqual(0.5 * macs.macs.before)
    const parameters = await prune(['--target', 'parameters=0.5'])
    expect(parameters.parameters.after).toBeLessThanOrEqual(0.5 * parameters.parameters.before)
    const bytes = await prune(['--target', 'bytes=0.5'])
    expect(bytes.output.bytes).toBeLessThanOrEqual(0.5 * bytes.model.bytes)
    // It misses by less than a unit of each group: (64 + 128 + 1) and (256 + 10 + 1) parameters of 4 bytes.
    expect(bytes.output.bytes).toBeGreaterThan(0.5 * bytes.model.bytes - 4 * 193 - 4 * 267)
  })

  it('stands in the plan, which replays', async () => {
    await using folder = await fixture()
    const planned = await pare(['plan', ...NEURONS.slice(1), '--target', 'macs=0.5', '--out', 'out'], { cwd: folder.path })
    expect(planned.exitCode).toBe(0)
    const replayed = await pare(['replay', 'out/model.plan.json', 'model.onnx', '--out', 'again'], { cwd: folder.path })
    expect(replayed.exitCode).toBe(0)
  })

  it.each([
    [['--target', 'macs'], "--target is 'macs'; expected macs=, parameters=, bytes= or latency="],
    [['--target', 'macs=0'], "--target is 'macs=0'"],
    [['--target', 'bytes=50%'], "--target is 'bytes=50%'"],
    [['--target', 'energy=0.5'], "--target is 'energy=0.5'"],
    [['--target', 'ratio=0.5'], 'say --ratio 0.5'],
    [['--target', 'macs=0.5', '--ratio', '0.5'], '--ratio 0.5 and --target macs=0.5 contradict each other'],
    [['--target', 'macs=0.001'], "structure 'neuron' cannot bring the model to 0.001 of its macs"],
    [['--min-units', '0'], "--min-units is '0'; expected a whole number from 1 on"],
    [['--multiple-of', '1.5'], "--multiple-of is '1.5'"],
    [['--norm', 'l3'], "--norm is 'l3'; expected l1, l2, mean or max."],
    [['--scope', 'tensor'], "scope 'tensor' ranks elements"],
  ])('%j is refused', async (options, message) => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--structure', 'neuron', ...options], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
  })
})

describe('what masks', () => {
  it.each([
    [['--target', 'bytes=0.5'], 'masks elements and takes no target of bytes (0.5): zeros take as much room'],
    [['--scope', 'group'], "scope 'group' ranks units, and structure 'element' masks elements."],
    [['--multiple-of', '8', '--uniform'], 'multipleOf 8, uniform true: that is for structures that cut units'],
  ])('refuses %j', async (options, message) => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', ...options], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
  })
})

describe('a preset', () => {
  it('is a list of steps, with a ratio', async () => {
    const config = { prune: { preset: 'transformer', ratio: 0.2 }, models: [{ path: 'model.onnx' }] }
    await using folder = await fixture(undefined, { 'pare.config.json': JSON.stringify(config) })
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: false })
    expect(tasks[0]!.steps).toMatchObject([
      { structure: { name: 'head' }, target: { ratio: 0.2 } },
      { structure: { name: 'neuron' }, target: { ratio: 0.2 }, multipleOf: 8 },
    ])
    const other = await readTasks({
      cwd: folder.path,
      overrides: { preset: 'cnn', prune: { target: { ratio: 0.1 } } },
      trusted: false,
    })
    expect(other.tasks[0]!.steps).toMatchObject([{ structure: { name: 'channel' }, target: { ratio: 0.1 } }])
  })

  it('may be imported', async () => {
    const config = `import { cnn } from '@pare/preset-cnn'\nexport default { models: [{ path: 'model.onnx', prune: cnn({ ratio: 0.1 }) }] }`
    await using folder = await fixture(undefined, { 'pare.config.ts': config })
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks[0]!.steps).toMatchObject([{ structure: { name: 'channel' }, target: { ratio: 0.1 } }])
  })

  it.each([
    [['--preset', 'cnn'], "structure 'channel' finds nothing to prune"],
    [['--preset', 'cn'], "preset 'cn' not found. Tried @pare/preset-cn, pare-preset-cn, cn"],
    [['--preset', 'cnn', '--criterion', 'random'], "preset 'cnn' makes its own steps, and 'criterion' given from outside"],
    [['--preset', 'cnn', '--target', 'macs=0.5'], "preset 'cnn' makes its own steps, and 'target' given from outside"],
    [['--preset', 'cnn:size=3'], "preset 'cnn' has no option 'size' (3)."],
  ])('%j is refused on a model that is no such network, or for what it says', async (options, message) => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', ...options], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
  })
})

it('a config.json beside a model is told of on stderr and in the document, and stays as it is', async () => {
  const { warnings, stderr } = await prune(['--ratio', '0.5'], { 'config.json': '{"intermediate_size":256}' })
  expect(warnings).toEqual([expect.stringContaining('config.json says intermediate_size is 256, and the pruned model has 128')])
  expect(stderr).toContain('warning: model.onnx: config.json says intermediate_size is 256')
})
