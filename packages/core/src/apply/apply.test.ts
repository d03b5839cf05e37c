import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  bytesOf,
  type DataType,
  editGraph,
  editModel,
  editTensor,
  type Model,
  makeTensor,
  modelBytes,
  openModel,
  parseText,
  readAll,
  type Tensor,
  valuesOf,
  withTensors,
  writeModel,
} from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Criterion, Scope, Structure } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import { maskedBy } from '../plan/plan.js'
import { applyPlan } from './apply.js'

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
const random: Criterion = { name: 'random', needs: {}, saliency: (_, ops) => ops.random() }
const element: Structure = {
  name: 'element',
  find: ({ weights }) => ({
    groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
    declined: [],
  }),
}

interface Pruning {
  readonly sparsity: number
  readonly criterion?: Criterion
  readonly scope?: Scope
}

async function prune(model: Model, { sparsity, criterion = magnitude, scope = 'global' }: Pruning): Promise<Model> {
  const { steps } = await makePlan(model, [{ structure: element, criterion, scope, target: { sparsity } }], { seed: 3 })
  return applyPlan(model, { seed: 3, steps })
}

/** y = x·w with w of any element type. */
function matmul(type: DataType, shape: readonly number[], values: readonly number[]): Model {
  const model = parseText('g (float[N, 4] x) => (float[N, 3] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }')
  const w = makeTensor({ name: 'w', type, shape, values })
  return editModel(model, { graph: editGraph(model.graph, { initializers: [w] }) })
}

const numbersOf = async ({ type, data }: Tensor) => Array.from(valuesOf(type, await readAll(data)), Number)
const weight = (model: Model) => model.graph.initializers[0]!

describe('every element type', () => {
  // All exact in bf16. The six smallest: 0.125, 0.25, 0.5, −0.5, −0.75, 1 (the first of two).
  const values = [4, -0.5, 1, 2, 0.25, -3, 0.5, 1, -0.75, 8, 0.125, -1.5]

  test.each([
    'float32',
    'float64',
    'float16',
    'bfloat16',
  ] as const)('%s: half goes, ties in order, the others keep their bits', async (type) => {
    for (const scope of ['global', 'tensor'] as const) {
      const pruned = await prune(matmul(type, [4, 3], values), { sparsity: 0.5, scope })
      expect(await numbersOf(weight(pruned))).toEqual([4, 0, 0, 2, 0, -3, 0, 1, 0, 8, 0, -1.5])
    }
  })

  test.each(['float32', 'float64', 'float16', 'bfloat16'] as const)('%s by rows: a quarter of each column', async (type) => {
    // Columns of [in 4, out 3]: (4, 2, 0.5, 8), (−0.5, 0.25, 1, 0.125), (1, −3, −0.75, −1.5); one element is a quarter of each.
    const pruned = await prune(matmul(type, [4, 3], values), { sparsity: 0.25, scope: 'row' })
    expect(await numbersOf(weight(pruned))).toEqual([4, -0.5, 1, 2, 0.25, -3, 0, 1, 0, 8, 0, -1.5])
  })

  test('f32 and f64 weights are ranked together', async () => {
    const model = parseText(
      'g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] a = {1, 4, 2, 3}, double[2, 2] b = {1.5, 2.5, 0.5, 9}> { h = MatMul(x, a)\n y = MatMul(h, b) }',
    )
    const pruned = await prune(model, { sparsity: 0.5 })
    expect(await Promise.all(pruned.graph.initializers.map(numbersOf))).toEqual([
      [0, 4, 0, 3],
      [0, 2.5, 0, 9],
    ])
  })
})

describe('a masked tensor', () => {
  test.each([magnitude, random])('$name: read in any pieces it has the same bytes', async (criterion) => {
    const values = Array.from({ length: 300 }, (_, i) => Math.sin(i * i))
    const whole = await Promise.all(
      (['global', 'row'] as const).flatMap((scope) =>
        (['float32', 'float16', 'float64'] as const).map(async (type) => {
          const { data } = weight(await prune(matmul(type, [20, 15], values), { sparsity: 0.6, criterion, scope }))
          return { data, bytes: await readAll(data) }
        }),
      ),
    )
    const piece = fc.record({
      which: fc.nat(whole.length - 1),
      from: fc.nat(1199),
      length: fc.integer({ min: 1, max: 100 }),
      shift: fc.nat(7),
    })
    await fc.assert(
      fc.asyncProperty(piece, async ({ which, from, length, shift }) => {
        const { data, bytes } = whole[which]!
        const start = from % bytes.length
        const expected = bytes.subarray(start, start + length)
        const target = new Uint8Array(shift + expected.length).subarray(shift)
        await data.read(target, start)
        expect(target).toEqual(expected)
      }),
    )
  })

  test('in a file: every byte outside the masked elements is the byte it was', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pare-apply-'))
    try {
      const [before, after] = [join(folder, 'a.onnx'), join(folder, 'b.onnx')]
      await writeModel(matmul('float32', [4, 3], [1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12]), before)
      await using file = await openModel(before)
      await writeModel(await prune(file.model, { sparsity: 0.5 }), after)
      const [old, now] = await Promise.all([readFile(before), readFile(after)])
      const changed = [...old.keys()].filter((i) => old[i] !== now[i])
      expect(now.length).toBe(old.length)
      // Six elements of four bytes; the two lower bytes of small integers in f32 are zero already.
      const at = old.indexOf(bytesOf('float32', [1, -2, 3]))
      expect(changed.every((i) => i >= at && i < at + 24)).toBe(true)
      expect(changed.length).toBeGreaterThanOrEqual(6)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('external data stay external, beside the new model', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pare-apply-'))
    try {
      const inline = matmul('float32', [4, 3], [1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12])
      const [before, after] = [join(folder, 'a.onnx'), join(folder, 'b.onnx')]
      await writeModel(
        withTensors(inline, (tensor) => editTensor(tensor, { storage: 'external' })),
        before,
      )
      const hash = await readFile(`${before}.data`)
      await using file = await openModel(before)
      const files = await writeModel(await prune(file.model, { sparsity: 0.5 }), after)
      expect(files.map(({ path }) => path)).toEqual([after, `${after}.data`])
      expect(await readFile(`${before}.data`)).toEqual(hash)
      await using copy = await openModel(after)
      expect(await numbersOf(weight(copy.model))).toEqual([0, 0, 0, 0, 0, 0, 7, -8, 9, -10, 11, -12])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

test('steps follow each other: the second sees what the first has left', async () => {
  const model = matmul('float32', [4, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  const step = { structure: element, criterion: magnitude }
  const { steps } = await makePlan(
    model,
    [
      { ...step, target: { sparsity: 0.25 } },
      { ...step, target: { sparsity: 0.5 } },
    ],
    { seed: 1 },
  )
  expect(maskedBy(steps).map(({ zeros, masked }) => [zeros, masked])).toEqual([
    [0, 3],
    [3, 6],
  ])
  expect(await numbersOf(weight(await applyPlan(model, { seed: 1, steps })))).toEqual([0, 0, 0, 0, 0, 0, 7, 8, 9, 10, 11, 12])
})

test('same model, same seed, same bytes; the model itself is never changed', async () => {
  const model = matmul('float32', [4, 3], [1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12])
  const before = await modelBytes(model)
  const [one, two] = [
    await prune(model, { sparsity: 0.5, criterion: random }),
    await prune(model, { sparsity: 0.5, criterion: random }),
  ]
  expect(await modelBytes(one)).toEqual(await modelBytes(two))
  expect(await modelBytes(model)).toEqual(before)
})
