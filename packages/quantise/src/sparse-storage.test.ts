import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  applyStorage,
  editGraph,
  editModel,
  editTensor,
  expandStorage,
  type Model,
  makePayload,
  modelBytes,
  openModel,
  parseText,
  planStorage,
  readAll,
  readModel,
  usesOf,
} from '@pare/onnx'
import runtime from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { quantise } from './quantise.js'

/** Four of five are 0; of the others one is −0 and one NaN, whose bits count. */
const sparse = (count: number, salt: number) =>
  Float32Array.from({ length: count }, (_, i) => (i % 5 > 0 ? 0 : i === 10 ? -0 : Math.sin(7.3 * i + salt)))

const model = (opset = 17) =>
  parseText(
    `<ir_version: 8, opset_import: ["" : ${opset}]>
     layer (float[N, 36] x) => (float[N, 27] y) <float[36, 41] first, float[41, 27] last, float[36] small, float[27, 27] dense, float16[40, 41] halves, int64[3] rows = {0, 5, 39}>
     { a = Add(x, small)  b = MatMul(a, first)  h = Gather(halves, rows)  s = Cast<to = 1>(h)  t = ReduceSum<keepdims = 0>(s)
       c = Add(b, t)  d = MatMul(c, last)  y = MatMul(d, dense) }`,
    {
      ...{ first: sparse(36 * 41, 1), last: sparse(41 * 27, 2), small: sparse(36, 3), halves: sparse(40 * 41, 4) },
      dense: Float32Array.from({ length: 27 * 27 }, (_, i) => Math.sin(i + 1)),
    },
  )

const stored = async (before: Model) => applyStorage(before, await planStorage(before))

async function outputOf(of: Model, options = {}): Promise<Float32Array> {
  const session = await runtime.InferenceSession.create(await modelBytes(of), { logSeverityLevel: 3, ...options })
  const x = Float32Array.from({ length: 4 * 36 }, (_, i) => Math.sin(i))
  const { y } = await session.run({ x: new runtime.Tensor('float32', x, [4, 36]) })
  await session.release()
  return y!.data as Float32Array
}

const bytesOf = async (of: Model, name: string) => readAll(usesOf(of.graph).constants.get(name)!.data)

describe('weights that are stored sparsely', () => {
  test('are those that take fewer bytes so, and take a bit for each element and the others', async () => {
    const before = model()
    const step = await planStorage(before)
    expect(step.weights.map(({ id }) => id)).toEqual(['first', 'last', 'halves'])
    // −0 has other bits than 0.
    expect(step.weights[0]).toEqual({ id: 'first', elements: 1476, others: 296 })
    const after = await applyStorage(before, step)
    const names = Object.fromEntries(after.graph.initializers.map(({ name, type, shape }) => [name, `${type}[${shape}]`]))
    expect(names).toMatchObject({
      first_bits: 'uint8[185,1]',
      first_values: 'float32[297]',
      halves_values: 'float16[329]',
      dense: 'float32[27,27]',
    })
    expect(names.first).toBeUndefined()
  })

  test('ONNX Runtime puts them together when it loads the model, to the same outputs', async () => {
    const path = join(tmpdir(), `pare-storage-${process.pid}.onnx`)
    const after = await stored(model())
    expect(await outputOf(after, { optimizedModelFilePath: path })).toEqual(await outputOf(model()))
    await using file = await openModel(path)
    await rm(path)
    expect(file.model.graph.nodes.map(({ op }) => op)).not.toContain('CumSum')
  })

  test.each([11, 13, 21])('opset %i has what puts them together', async (opset) => {
    const sparseOnly = parseText(
      `<ir_version: 8, opset_import: ["" : ${opset}]> layer (float[N, 36] x) => (float[N, 41] y) <float[36, 41] w> { y = MatMul(x, w) }`,
      { w: sparse(36 * 41, 1) },
    )
    const after = await stored(sparseOnly)
    expect(after.graph.nodes.map(({ op }) => op)).toContain('BitShift')
    expect(await outputOf(after, { graphOptimizationLevel: 'disabled' })).toEqual(
      await outputOf(sparseOnly, { graphOptimizationLevel: 'disabled' }),
    )
  })

  test('come back bit for bit, from whatever stretch is read', async () => {
    const before = model()
    const back = await expandStorage(await readModel(await modelBytes(await stored(before))))
    expect(back.graph.nodes.map(({ op }) => op)).toEqual(before.graph.nodes.map(({ op }) => op))
    expect(new Set(back.graph.initializers.map(({ name }) => name))).toEqual(
      new Set(before.graph.initializers.map(({ name }) => name)),
    )
    for (const { name } of before.graph.initializers) expect(await bytesOf(back, name), name).toEqual(await bytesOf(before, name))
    const { data } = usesOf(back.graph).constants.get('first')!
    const stretch = new Uint8Array(400)
    await data.read(stretch, 2000)
    expect(stretch).toEqual((await bytesOf(before, 'first')).subarray(2000, 2400))
  })

  test.each(['int8', 'int4'] as const)('of %s the code of 0 is the common one', async (method) => {
    const { model: rounded } = await quantise(model(), { method })
    const step = await planStorage(rounded)
    expect(step.weights.length).toBeGreaterThan(0)
    const after = await applyStorage(rounded, step)
    expect(await outputOf(after)).toEqual(await outputOf(rounded))
    const back = await expandStorage(after)
    for (const { id } of step.weights) expect(await bytesOf(back, id)).toEqual(await bytesOf(rounded, id))
  })

  test('a plan for another model is refused', async () => {
    const weights = [{ id: 'other', elements: 4, others: 1 }]
    await expect(applyStorage(model(), { weights })).rejects.toThrow(
      "stores 'other' with 4 elements sparsely, and this model has no such",
    )
  })
})

describe('what a stranger wrote', () => {
  const broken = async (name: string, change: (bytes: Uint8Array) => Uint8Array, shape: readonly number[]) => {
    const after = await stored(model())
    const { graph } = after
    const initializers = await Promise.all(
      graph.initializers.map(async (tensor) =>
        tensor.name === name ? editTensor(tensor, { shape, data: makePayload(change(await readAll(tensor.data))) }) : tensor,
      ),
    )
    return editModel(after, { graph: editGraph(graph, { initializers }) })
  }

  test.each([
    ['more ones than values', 'first_bits', (bytes: Uint8Array) => bytes.fill(255), [185, 1]],
    ['a bitmap that is too short', 'first_bits', (bytes: Uint8Array) => bytes.subarray(0, 100), [100, 1]],
    ['more values than ones', 'first_values', (bytes: Uint8Array) => new Uint8Array([...bytes, ...bytes.subarray(0, 4)]), [298]],
    ['another way to unpack bits', 'sparse_shifts', (bytes: Uint8Array) => bytes.reverse(), [8]],
  ])('%s: it stays as it is, and nothing is read beyond it', async (_, name, change, shape) => {
    const back = await expandStorage(await broken(name, change, shape))
    expect(back.graph.initializers.map((tensor) => tensor.name)).not.toContain('first')
    expect(back.graph.nodes.some(({ outputs }) => outputs.includes('first'))).toBe(true)
  })
})
