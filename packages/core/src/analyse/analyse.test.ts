import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { rowElement, rowOf } from '../select/rows.js'
import { analyse } from './analyse.js'

const two = () =>
  parseText(`g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] "enc.0.w" = {1, 2, 3, 4}, float[2, 2] "head.w" = {1, 2, 3, 4}>
  { ["/enc/MatMul"] h = MatMul(x, "enc.0.w")
    ["/head/MatMul"] y = MatMul(h, "head.w") }`)

describe('which weights are eligible', () => {
  test('include and exclude match names of tensors and of nodes', () => {
    const eligible = (options: Parameters<typeof analyse>[1]) => analyse(two(), options).weights.map(({ id }) => id)
    expect(eligible({})).toEqual(['enc.0.w', 'head.w'])
    expect(eligible({ exclude: ['/head/*'] })).toEqual(['enc.0.w'])
    expect(eligible({ exclude: ['head.*'] })).toEqual(['enc.0.w'])
    expect(eligible({ include: ['/enc/**'] })).toEqual(['enc.0.w'])
    expect(eligible({ include: ['*.w'], exclude: ['enc.0.w'] })).toEqual(['head.w'])
  })

  test('a glob that matches nothing is refused, with names that exist', () => {
    expect(() => analyse(two(), { exclude: ['/lm_head/*'] })).toThrow(
      "--exclude '/lm_head/*' matches no weight and no node that reads one; there are '/enc/MatMul', '/head/MatMul' …",
    )
  })

  const tied = () =>
    parseText(`g (int64[N] ids) => (float[N, 3] y) <float[3, 2] table = {1, 2, 3, 4, 5, 6}, float[2, 2] w = {1, 2, 3, 4}>
    { e = Gather(table, ids)
      h = MatMul(e, w)
      t = Transpose<perm = [1, 0]>(table)
      y = MatMul(h, t) }`)

  test('a head tied to the embedding is left out with the reason, unless it is named', () => {
    expect(analyse(tied()).weights.map(({ id }) => id)).toEqual(['w'])
    expect(analyse(tied()).notEligible).toEqual([{ id: 'table', reason: 'it is an embedding too (tied)', byUser: false }])
    expect(analyse(tied(), { include: ['table'] }).weights.map(({ id }) => id)).toEqual(['table'])
  })

  test('biases, vectors, integers and weights that are outputs are not', () => {
    const model = parseText(`g (float[N, 2] x, int8[N, 2] i) => (float[N, 2] y, float[2, 2] seen, float[N] z)
    <float[2, 2] seen = {1, 2, 3, 4}, float[2] v = {1, 2}, float[2] b = {1, 2}, float[2, 2] w = {1, 2, 3, 4}>
    { y = Gemm(x, w, b)
      u = MatMul(x, seen)
      z = MatMul(x, v) }`)
    expect(analyse(model).weights.map(({ id }) => id)).toEqual(['w'])
    expect(analyse(model).notEligible).toEqual([
      { id: 'seen', reason: 'it is an output of the model', byUser: false },
      { id: 'v', reason: 'it has 1 axes: a vector, not a matrix', byUser: false },
    ])
  })

  test('recurrent weights are left out with the reason, unless they are named', () => {
    const model = parseText(
      `g (float[T, N, 2] x) => (float[T, D, N, 3] y) <float[1, 12, 2] w, float[1, 12, 3] r> { y = LSTM<hidden_size = 3>(x, w, r) }`,
      { w: new Float32Array(24).fill(1), r: new Float32Array(36).fill(1) },
    )
    const reason = 'it is a weight of a recurrent layer (LSTM)'
    expect(analyse(model).notEligible).toEqual([
      { id: 'w', reason, byUser: false },
      { id: 'r', reason, byUser: false },
    ])
    expect(analyse(model, { include: ['w'] }).weights.map(({ id, rows }) => [id, rows])).toEqual([
      ['w', { batch: 1, before: 1, out: 12, after: 2 }],
    ])
  })

  test('one tensor that several nodes read is one weight, also through Identity', () => {
    const model = parseText(`g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}>
    { copy = Identity(w)
      h = MatMul(x, w)
      y = MatMul(h, copy) }`)
    expect(analyse(model).weights.map(({ id, uses }) => [id, uses.map(({ name }) => name)])).toEqual([['w', ['h', 'y']]])
  })
})

describe('where the output units of a weight lie', () => {
  const rowsOf = (shape: readonly number[], node: string) => {
    const model = parseText(`g (float[${shape.map(() => 'N')}] x) => (float[A] y) <float[${shape}] w> { y = ${node} }`, {
      w: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1),
    })
    return analyse(model).weights[0]!.rows
  }

  test.each([
    {
      node: 'MatMul(x, w)',
      shape: [3, 2],
      rows: [
        [0, 2, 4],
        [1, 3, 5],
      ],
    },
    {
      node: 'MatMul(w, x)',
      shape: [3, 2],
      rows: [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
    },
    {
      node: 'Gemm<transB = 1>(x, w)',
      shape: [3, 2],
      rows: [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
    },
    {
      node: 'Gemm(x, w)',
      shape: [3, 2],
      rows: [
        [0, 2, 4],
        [1, 3, 5],
      ],
    },
    {
      node: 'Conv(x, w)',
      shape: [2, 1, 1, 2],
      rows: [
        [0, 1],
        [2, 3],
      ],
    },
    // Two groups: input channels 0 and 1 feed outputs 0 and 1, inputs 2 and 3 feed outputs 2 and 3.
    {
      node: 'ConvTranspose<group = 2>(x, w)',
      shape: [4, 2, 1, 1],
      rows: [
        [0, 2],
        [1, 3],
        [4, 6],
        [5, 7],
      ],
    },
    {
      node: 'MatMul(x, w)',
      shape: [2, 2, 2],
      rows: [
        [0, 2],
        [1, 3],
        [4, 6],
        [5, 7],
      ],
    },
  ])('$node of $shape', ({ node, shape, rows: expected }) => {
    const rows = rowsOf(shape, node)
    const length = rows.before * rows.after
    const actual = Array.from({ length: rows.batch * rows.out }, (_, row) =>
      Array.from({ length }, (_, i) => rowElement(rows, row, i)),
    )
    expect(actual).toEqual(expected)
    for (const [row, elements] of actual.entries()) for (const element of elements) expect(rowOf(rows, element)).toBe(row)
  })
})

test('weights of an operator that pare does not know are told of, with what helps', () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft.nchwc" : 1, "acme" : 1]> g (float[N, 3, 8, 8] x) => (float[N, 4, 8, 8] z)
     <float[8, 3, 1, 1] w, float[4, 8] v> { y = com.microsoft.nchwc.Conv(x, w) z = acme.Mix(y, v) }`,
    { w: new Float32Array(24), v: new Float32Array(32) },
  )
  expect(analyse(model).notEligible).toEqual([
    {
      id: 'w',
      reason:
        "Conv 'y' reads it, and pare does not know what com.microsoft.nchwc.Conv computes: ONNX Runtime has rearranged the model for one machine. Prune the model it was made from, or have it saved with 'extended' optimisations at most",
      byUser: false,
    },
    { id: 'v', reason: "Mix 'z' reads it, and pare does not know what acme.Mix computes", byUser: false },
  ])
})
