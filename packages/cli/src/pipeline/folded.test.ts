import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Model, modelBytes, openModel, parseText, readAll, type TextValues, valuesOf, writeModel } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { readPlan } from '../files/plan-files.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

async function foldersOwn() {
  const path = await mkdtemp(join(tmpdir(), 'pare-folded-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const wave = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + Math.cos(i * 0.31))
const x = { data: wave(2 * 4 * 20, 0), shape: [2, 4, 20] }

async function run(model: Model, input: { data: Float32Array; shape: number[] }): Promise<Record<string, Float32Array>> {
  const session = await ort.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const results = await session.run({ x: new ort.Tensor('float32', input.data, input.shape) })
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]))
}

/** Three convolutions; the second one's weight w [8, 16, 3] is as `nodes` makes it. */
const network = (nodes: string, declared: string, outputs = '') => `
  g (float[N, 4, 20] x) => (float[N, 2, L] y${outputs})
  <float[16, 4, 3] a, float[16] ab, ${declared}, float[8] wb, float[2, 8, 1] c>
  { h = Conv(x, a, ab)
    r = Relu(h)
    ${nodes}
    i = Conv(r, w, wb)
    q = Relu(i)
    y = Conv(q, c) }`

const others: TextValues = { a: wave(192, 1), ab: wave(16, 2), wb: wave(8, 3), c: wave(16, 4) }

const kinds = [
  {
    title: 'weight normalisation',
    nodes: 'n = ReduceL2<axes = [1, 2]>(v)\n f = Div(g, n)\n w = Mul(v, f)',
    declared: 'float[8, 16, 3] v, float[8, 1, 1] g',
    values: { v: wave(384, 5), g: wave(8, 6) },
  },
  {
    title: 'weight standardisation',
    nodes:
      'm = ReduceMean<axes = [1, 2]>(v)\n d = Sub(v, m)\n p = Mul(d, d)\n e = ReduceMean<axes = [1, 2]>(p)\n s = Sqrt(e)\n w = Div(d, s)',
    declared: 'float[8, 16, 3] v',
    values: { v: wave(384, 5) },
  },
  {
    title: 'a kernel with its units last',
    nodes: 'w = Transpose<perm = [2, 1, 0]>(v)',
    declared: 'float[3, 16, 8] v',
    values: { v: wave(384, 5) },
  },
] as const

describe('a computed weight', () => {
  it.each(kinds)('is cut as what the operator reads: $title', async ({ nodes, declared, values }) => {
    await using folder = await foldersOwn()
    const original = join(folder.path, 'm.onnx')
    await writeModel(parseText(network(nodes, declared), { ...others, ...values }), original)
    const args = ['prune', 'm.onnx', '--structure', 'channel', '--ratio', '0.5', '--out', 'out', '--json']
    const { exitCode, json } = await pare(args, { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({ folded: [{ id: 'v', value: 'w', reader: "Conv 'i'" }] })
    const { steps, folding } = await readPlan(join(folder.path, 'out/m.plan.json'), 'm.plan.json')
    expect(folding?.weights).toMatchObject([{ id: 'v', value: 'w' }])

    // The weight as ONNX Runtime computes it from the original, with the removed units zero by hand.
    const { w } = await run(parseText(network(nodes, declared, ', float[8, 16, 3] w'), { ...others, ...values }), x)
    const groups = steps.flatMap((step) => (step.kind === 'cut' ? step.groups : []))
    const removed = (id: string) => new Set(groups.find((group) => group.id === id)!.removed)
    const zeroed = (tensor: Iterable<number>, units: ReadonlySet<number>, perUnit: number) =>
      Array.from(tensor, (value, i) => (units.has(Math.floor(i / perUnit)) ? 0 : value))
    const [first, second] = [removed('a:0'), removed('v:0')]
    expect([first.size, second.size]).toEqual([8, 4])
    const reference = parseText(network('', 'float[8, 16, 3] w'), {
      ...{ a: zeroed(wave(192, 1), first, 12), ab: zeroed(wave(16, 2), first, 1) },
      ...{ w: zeroed(w!, second, 48), wb: zeroed(wave(8, 3), second, 1), c: others.c! },
    })
    await using file = await openModel(join(folder.path, 'out/m.onnx'))
    expect(file.model.graph.initializers.find(({ name }) => name === 'v')!.shape).toEqual([4, 8, 3])
    const [expected, actual] = [(await run(reference, x)).y!, (await run(file.model, x)).y!]
    expect(actual.length).toBe(expected.length)
    for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 3)

    const replayed = await pare(['replay', 'out/m.plan.json', 'm.onnx', '--out', 'again', '--json'], { cwd: folder.path })
    expect(replayed.json()).toMatchObject({ output: { sha256: (json().output as { sha256: string }).sha256 } })
  })

  it.each(['element', '2:4', 'tile'])('is masked: %s', async (structure) => {
    await using folder = await foldersOwn()
    const { nodes, declared, values } = kinds[0]
    await writeModel(parseText(network(nodes, declared), { ...others, ...values }), join(folder.path, 'm.onnx'))
    const { exitCode, stdout } = await pare(['prune', 'm.onnx', '--structure', structure, '--out', 'out'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('folded      1 value that the graph computes is stored now: v')
    const { w } = await run(parseText(network(nodes, declared, ', float[8, 16, 3] w'), { ...others, ...values }), x)
    await using file = await openModel(join(folder.path, 'out/m.onnx'))
    const { data } = file.model.graph.initializers.find(({ name }) => name === 'v')!
    const masked = valuesOf('float32', await readAll(data))
    const kept = masked.filter((value: number | bigint) => value !== 0).length
    expect(kept).toBeGreaterThan(0)
    expect(kept).toBeLessThan(384)
    for (const [i, value] of masked.entries()) if (value !== 0) expect(value).toBeCloseTo(w![i]!, 5)
  })

  it('is shown by inspect, with its node and its tensors', async () => {
    await using folder = await foldersOwn()
    const { nodes, declared, values } = kinds[0]
    await writeModel(parseText(network(nodes, declared), { ...others, ...values }), join(folder.path, 'm.onnx'))
    const { stdout } = await pare(['inspect', 'm.onnx'], { cwd: folder.path })
    expect(stdout).toContain("  v, g → v, as Conv 'i' reads it (ReduceL2, Div, Mul)")
    expect(stdout).not.toContain('stands behind')
  })

  it('comes with its reason where it stays computed', async () => {
    await using folder = await foldersOwn()
    const nodes = 'k = Neg(v)\n w = Identity(k)\n z = Conv(r, v, wb)\n t = Relu(z)'
    await writeModel(
      parseText(network(nodes, 'float[8, 16, 3] v').replace('q = Relu(i)', 'p = Relu(i)\n q = Add(p, t)'), {
        ...others,
        v: wave(384, 5),
      }),
      join(folder.path, 'm.onnx'),
    )
    const reason = "'v' would be stored twice, since Conv 'z' reads it too"
    expect((await pare(['inspect', 'm.onnx'], { cwd: folder.path })).stdout).toContain(reason)
    const { stderr } = await pare(['prune', 'm.onnx', '--out', 'out'], { cwd: folder.path })
    expect(stderr).toContain(`'v' stays computed and is not pruned: ${reason}`)
  })
})

it('a plan for a model whose weights are computed is not applied to one with other numbers', async () => {
  await using folder = await foldersOwn()
  const { nodes, declared, values } = kinds[0]
  await writeModel(parseText(network(nodes, declared), { ...others, ...values }), join(folder.path, 'm.onnx'))
  await pare(['prune', 'm.onnx', '--out', 'out'], { cwd: folder.path })
  const path = join(folder.path, 'out/m.plan.json')
  const { readFile, writeFile } = await import('node:fs/promises')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace(/("value": "w",\s+"sha256": ")[0-9a-f]{4}/, '$10000'))
  const { exitCode, stderr } = await pare(['replay', 'out/m.plan.json', 'm.onnx', '--out', 'again'], { cwd: folder.path })
  expect(exitCode).toBe(3)
  expect(stderr).toContain("whose weight 'w' is computed first, and it comes out with other numbers here, by rounding")
})

describe('low-rank adapters', () => {
  const text = `g (float[N, 4] x) => (float[N, 8] y) <float[8, 4] s, float[8, 2] b, float[2, 4] a, float scale>
    { p = MatMul(b, a)\n q = Mul(p, scale)\n u = Add(s, q)\n w = Transpose<perm = [1, 0]>(u)\n y = MatMul(x, w) }`
  const values = { s: wave(32, 1), b: wave(16, 2), a: wave(8, 3), scale: [0.5] }

  it.each([
    [[], ['s', 'b', 'a', 'scale']],
    [['--merge-adapters'], ['s']],
  ])('are left, or merged with %j', async (options, names) => {
    await using folder = await foldersOwn()
    await writeModel(parseText(text, values), join(folder.path, 'm.onnx'))
    const { exitCode } = await pare(['prune', 'm.onnx', '--sparsity', '0.5', '--out', 'out', ...options], { cwd: folder.path })
    expect(exitCode).toBe(0)
    await using file = await openModel(join(folder.path, 'out/m.onnx'))
    const { initializers } = file.model.graph
    const { data } = initializers.find(({ name }) => name === 's')!
    expect(initializers.map(({ name }) => name)).toEqual(names)
    expect(valuesOf('float32', await readAll(data)).filter((value: number | bigint) => value === 0)).toHaveLength(16)
    const replayed = await pare(['replay', 'out/m.plan.json', 'm.onnx', '--out', 'again'], { cwd: folder.path })
    expect(replayed.exitCode).toBe(0)
  })
})
