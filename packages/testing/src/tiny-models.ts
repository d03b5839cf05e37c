import { type Model, parseText } from '@pare/onnx'
import { tinyDecoder, tinyMergedDecoder } from './tiny-decoders.js'

/** Graphs small enough to read, one for each shape of trouble. Each call makes a new model with the same numbers. */
export const tinyModels: Readonly<Record<string, () => Model>> = {
  linear: () =>
    parseText(
      `linear (float[N, 4] x) => (float[N, 3] y)
       <float[4, 3] w, float[3] b = {0.5, -1, 0}>
       { h = MatMul(x, w)
         y = Add(h, b) }`,
      numbers({ w: 12 }),
    ),
  residual: () =>
    parseText(
      `residual (float[N, 4] x) => (float[N, 4] y)
       <float[4, 6] w1, float[6, 4] w2>
       { h = MatMul(x, w1)
         a = Relu(h)
         r = MatMul(a, w2)
         y = Add(x, r) }`,
      numbers({ w1: 24, w2: 24 }),
    ),
  convolutions: () =>
    parseText(
      `convolutions (float[N, 4, 5, 5] x) => (float[N, 14, 5, 5] y)
       <float[4, 1, 3, 3] depthwise, float[6, 2, 1, 1] grouped, float[4, 4, 3, 3] plain, float[4, 2, 1, 1] transposed>
       { d = Conv<group = 4, pads = [1, 1, 1, 1]>(x, depthwise)
         g = Conv<group = 2>(d, grouped)
         p = Conv<pads = [1, 1, 1, 1]>(d, plain)
         t = ConvTranspose<group = 2>(d, transposed)
         y = Concat<axis = 1>(g, p, t) }`,
      numbers({ depthwise: 36, grouped: 12, plain: 144, transposed: 8 }),
    ),
  fusedQkv: () =>
    parseText(
      `fusedQkv (float[N, T, 4] x) => (float[N, T, 4] y)
       <float[4, 12] qkv, float[4, 4] out, int64[4] heads = {0, 0, 2, 2}, int64[3] merged = {0, 0, 4}, float scale = {0.70710677}>
       { all = MatMul(x, qkv)
         q, k, v = Split<axis = 2>(all)
         q4 = Reshape(q, heads)
         k4 = Reshape(k, heads)
         v4 = Reshape(v, heads)
         qh = Transpose<perm = [0, 2, 1, 3]>(q4)
         kh = Transpose<perm = [0, 2, 3, 1]>(k4)
         vh = Transpose<perm = [0, 2, 1, 3]>(v4)
         scores = MatMul(qh, kh)
         scaled = Mul(scores, scale)
         weights = Softmax<axis = -1>(scaled)
         mixed = MatMul(weights, vh)
         back = Transpose<perm = [0, 2, 1, 3]>(mixed)
         flat = Reshape(back, merged)
         y = MatMul(flat, out) }`,
      numbers({ qkv: 48, out: 16 }),
    ),
  groupedQuery: () =>
    parseText(
      `groupedQuery (float[N, T, 8] x) => (float[N, T, 8] y)
       <float[8, 8] q, float[8, 4] k, float[8, 4] v, float[8, 8] out, int64[4] four = {0, 0, 4, 2}, int64[4] two = {0, 0, 2, 2},
        int64[5] wide = {0, 0, 2, 1, 2}, int64[5] repeat = {1, 1, 1, 2, 1}, int64[3] merged = {0, 0, 8}>
       { q0 = MatMul(x, q)
         k0 = MatMul(x, k)
         v0 = MatMul(x, v)
         q1 = Reshape(q0, four)
         k1 = Reshape(k0, wide)
         v1 = Reshape(v0, wide)
         k2 = Expand(k1, repeat)
         v2 = Expand(v1, repeat)
         k3 = Reshape(k2, four)
         v3 = Reshape(v2, four)
         qh = Transpose<perm = [0, 2, 1, 3]>(q1)
         kh = Transpose<perm = [0, 2, 3, 1]>(k3)
         vh = Transpose<perm = [0, 2, 1, 3]>(v3)
         scores = MatMul(qh, kh)
         weights = Softmax<axis = -1>(scores)
         mixed = MatMul(weights, vh)
         back = Transpose<perm = [0, 2, 1, 3]>(mixed)
         flat = Reshape(back, merged)
         y = MatMul(flat, out) }`,
      numbers({ q: 64, k: 32, v: 32, out: 64 }),
    ),
  tiedEmbedding: () =>
    parseText(
      `tiedEmbedding (int64[N, T] ids) => (float[N, T, 6] logits)
       <float[6, 4] table, float[4, 4] w>
       { e = Gather(table, ids)
         h = MatMul(e, w)
         head = Transpose<perm = [1, 0]>(table)
         logits = MatMul(h, head) }`,
      numbers({ table: 24, w: 16 }),
    ),
  sharedWeight: () =>
    parseText(
      `sharedWeight (float[N, 4] x) => (float[N, 4] y)
       <float[4, 4] w>
       { same = Identity(w)
         a = MatMul(x, w)
         b = Relu(a)
         y = MatMul(b, same) }`,
      numbers({ w: 16 }),
    ),
  branches: () =>
    parseText(
      `branches (float[N, 4] x, bool choose) => (float[N, 2] y)
       <float[4, 2] w>
       { y = If(choose) <
           then_branch = yes () => (float[N, 2] a) { a = MatMul(x, w) },
           else_branch = no () => (float[N, 2] b) <float[4, 2] v = {1, 2, 3, 4, 5, 6, 7, 8}> { b = MatMul(x, v) }
         > }`,
      numbers({ w: 8 }),
    ),
  constantNodes: () =>
    parseText(
      `constantNodes (float[N, 2] x) => (float[N, 2] y)
       { w = Constant<value = float[2, 2] {1, -2, 0.5, 0}>()
         y = Gemm<transB = 1>(x, w) }`,
    ),
  localFunction: () =>
    parseText(
      `<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
       caller (float[N, 4] x) => (float[N, 4] y)
       <float[4, 4] w>
       { y = local.block(x, w) }
       <domain: "local", opset_import: ["" : 17]>
       block (input, weight) => (output)
       { h = MatMul(input, weight)
         output = Relu(h) }`,
      numbers({ w: 16 }),
    ),
  ...decoders(),
  'merged decoder': () => tinyMergedDecoder(numbers),
}

/** Sizes of a mask that covers a cache and the new tokens, as exporters call them. */
function decoders(): Record<string, () => Model> {
  const called = ['past_sequence_length + 1', 'past_sequence_length + sequence_length', 'total_sequence_length']
  return Object.fromEntries(called.map((covers) => [`decoder, ${covers}`, () => tinyDecoder(covers, numbers)]))
}

/** Numbers without structure and without two that are equal, from a small linear congruence; every fifth is zero. */
function numbers(sizes: Readonly<Record<string, number>>): Record<string, Float32Array> {
  let state = 1
  const next = () => {
    state = (state * 16807) % 2147483647
    return state % 5 === 0 ? 0 : state / 1073741823.5 - 1
  }
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, Float32Array.from({ length: size }, next)]))
}
