import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { type Array64, filled } from '../evaluate64/array.test.support.js'
import { gradient } from '../gradient.js'
import { type GradientCase, pick, size, testGradients } from '../property.test.support.js'
import { decompose } from './decompose.js'

/** Differentiated after being decomposed, and as ONNX Runtime computes the operator itself. */
function fused(example: GradientCase): GradientCase {
  return { ...example, fused: true }
}

const ints = (of: (index: readonly number[]) => number) => ({
  fixed: (shape: readonly number[]): Array64 => filled(shape, of, 'int32'),
})
const longs = (of: (index: readonly number[]) => number) => ({
  fixed: (shape: readonly number[]): Array64 => filled(shape, of, 'int64'),
})

describe('fused products', () => {
  testGradients({
    FusedMatMul: (draw) => {
      const [rows, inner, columns, transA, transB] = [size(draw), size(draw), size(draw), pick(draw, 0, 1), pick(draw, 0, 1)]
      const a = transA ? [inner, rows] : [rows, inner]
      const b = transB ? [columns, inner] : [inner, columns]
      const [left, right] = pick<(number | string)[][]>(draw, [['N'], ['N']], [['N'], []], [[], []], [['N', 1], [2]]) as [
        (number | string)[],
        (number | string)[],
      ]
      return {
        nodes: `y = com.microsoft.FusedMatMul<transA = ${transA}, transB = ${transB}, alpha = 0.6>(a, b)`,
        inputs: { a: [...left, ...a], b: [...right, ...b] },
      }
    },
    FusedGemm: (draw) =>
      fused({
        nodes: `y = com.microsoft.FusedGemm<transB = 1, activation = ${pick(draw, '"Relu"', '"LeakyRelu", activation_alpha = 0.3', '"Tanh"', '"Sigmoid"')}${pick(draw, '', ', alpha = 0.5')}>(a, b${pick(draw, '', ', c')})`,
        inputs: { a: ['N', 3], b: [4, 3], c: [4] },
      }),
    FusedConv: (draw) =>
      fused({
        nodes: `y = com.microsoft.FusedConv<pads = [1, 1, 1, 1], activation = ${pick(draw, '"Relu"', '"LeakyRelu", activation_params = [0.3]', '"Clip", activation_params = [-0.51, 0.73]', '"HardSigmoid", activation_params = [0.3, 0.4]')}>(x, w, b)`,
        inputs: { x: ['N', 2, 4, 4], w: [3, 2, 3, 3], b: [3] },
      }),
    'FusedConv and a sum': () =>
      fused({
        nodes: 'y = com.microsoft.FusedConv<activation = "Relu">(x, w, b, z)',
        inputs: { x: ['N', 2, 4, 4], w: [3, 2, 3, 3], b: [3], z: ['N', 3, 2, 2] },
      }),
    BiasGelu: () => ({ nodes: 'y = com.microsoft.BiasGelu(x, b)', inputs: { x: ['N', 3], b: [3] } }),
    FastGelu: (draw) => ({
      nodes: `y = com.microsoft.FastGelu(x${pick(draw, '', ', b')})`,
      inputs: { x: ['N', 3], b: [3] },
    }),
  })
})

describe('fused normalisations', () => {
  testGradients({
    SkipLayerNormalization: (draw) =>
      fused({
        nodes: `y, , , z = com.microsoft.SkipLayerNormalization<epsilon = 0.01>(x, skip, scale${pick(draw, '', ', bias', ', bias, more', ', , more')})`,
        inputs: {
          x: ['N', 2, 4],
          skip: pick<(number | string)[]>(draw, ['N', 2, 4], [1, 2, 4], [2, 4]),
          scale: [4],
          bias: [4],
          more: [4],
        },
        outputs: pick(draw, ['y'], ['y', 'z']),
      }),
    SkipSimplifiedLayerNormalization: (draw) =>
      fused({
        nodes: `y, , , z = com.microsoft.SkipSimplifiedLayerNormalization<epsilon = 0.01>(x, skip, scale${pick(draw, '', ', more')})`,
        inputs: { x: ['N', 2, 4], skip: ['N', 2, 4], scale: [4], more: [4] },
        outputs: pick(draw, ['y'], ['y', 'z']),
      }),
    EmbedLayerNormalization: (draw) => {
      const segmented = pick(draw, true, false)
      const [mask, positions] = [pick(draw, '', 'mask'), pick(draw, '', ', positions')]
      const segments = segmented ? ['segments', 'table'] : ['', '']
      return fused({
        nodes: `y, m = com.microsoft.EmbedLayerNormalization<epsilon = 0.01>(ids, ${segments[0]}, words, places, ${segments[1]}, scale, bias, ${mask}${positions})`,
        inputs: {
          ids: { shape: ['N', 3], ...ints(([n, t]) => (3 * n! + 2 * t!) % 5) },
          segments: { shape: ['N', 3], ...ints(([n, t]) => (n! + t!) % 2) },
          mask: { shape: ['N', 3], ...ints(([, t]) => Number(t! < 2)) },
          positions: { shape: ['N', 3], ...ints(([n, t]) => (n! + t!) % 4) },
          words: [5, 4],
          places: [4, 4],
          table: [2, 4],
          scale: [4],
          bias: [4],
        },
      })
    },
  })
})

const position = longs(([n, t]) => (n! + 2 * t!) % 8)

/** cos and sin tables f32[positions, half]: any numbers do. */
const tables = (half: number) => ({
  cosines: { shape: [8, half], low: -1, high: 1 },
  sines: { shape: [8, half], low: -1, high: 1 },
})

describe('rotary positions', () => {
  testGradients({
    'RotaryEmbedding of com.microsoft': (draw) => {
      const interleaved = pick(draw, 0, 1)
      const [x, attributes, half] = pick<[(number | string)[], string, number]>(
        draw,
        [['N', 3, 8], '', 2],
        [['N', 2, 3, 4], '', 2],
        [['N', 3, 12], 'num_heads = 2, rotary_embedding_dim = 4, ', 2],
      )
      return fused({
        nodes: `y = com.microsoft.RotaryEmbedding<${attributes}interleaved = ${interleaved}>(x, p, cosines, sines)`,
        inputs: { x, p: pick(draw, { shape: ['N', 3], ...position }, { shape: [1], ...longs(() => 2) }), ...tables(half) },
      })
    },
    'RotaryEmbedding of ai.onnx': (draw) => {
      const interleaved = pick(draw, 0, 1)
      const x = pick<(number | string)[]>(draw, ['N', 3, 8], ['N', 2, 3, 4])
      return fused({
        nodes: `y = RotaryEmbedding<num_heads = 2, interleaved = ${interleaved}>(x, cosines, sines, p)`,
        inputs: { x, p: { shape: ['N', 3], ...position }, ...tables(2) },
        opset: 23,
      })
    },
  })
})

describe('attention', () => {
  testGradients(
    {
      'Attention of com.microsoft': (draw) => {
        const [mask, shape] = pick(draw, ['', ''], ['lengths', 'N'], ['seen', 'N, 3'], ['rows', 'N, 3, 3']) as [string, string]
        void shape
        const [sizes, width] = pick<[string, number]>(draw, ['', 12], [', qkv_hidden_sizes = [4, 4, 6]', 14])
        return fused({
          nodes: `y = com.microsoft.Attention<num_heads = 2, unidirectional = ${pick(draw, 0, 1)}${sizes}>(x, w, b, ${mask}, , ${pick(draw, '', 'more')})`,
          inputs: {
            x: ['N', 3, 5],
            w: [5, width],
            b: [width],
            more: [1, 2, 3, 3],
            lengths: { shape: ['N'], ...ints(([n]) => 2 + (n! % 2)) },
            seen: { shape: ['N', 3], ...ints(([n, t]) => Number(t! <= n!)) },
            rows: { shape: ['N', 3, 3], ...ints(([, s, t]) => Number(s! !== t! + 1)) },
          },
        })
      },
      'Attention of com.microsoft with a past': () =>
        fused({
          nodes: 'y, present = com.microsoft.Attention<num_heads = 2, unidirectional = 1>(x, w, b, , past)',
          inputs: { x: ['N', 3, 5], w: [5, 12], b: [12], past: [2, 'N', 2, 2, 2] },
          outputs: ['y', 'present'],
        }),
      MultiHeadAttention: (draw) =>
        fused({
          nodes: `y = com.microsoft.MultiHeadAttention<num_heads = 2${pick(draw, '', ', scale = 0.7')}>(q, k, v, ${pick(draw, '', 'b')}, ${pick(draw, '', 'lengths', 'seen')}, ${pick(draw, '', 'more')})`,
          inputs: {
            q: ['N', 3, 4],
            k: ['N', 5, 4],
            v: ['N', 5, 6],
            b: [14],
            more: [1, 2, 3, 5],
            lengths: { shape: ['N'], ...ints(([n]) => 3 + (n! % 2)) },
            seen: { shape: ['N', 5], ...ints(([n, t]) => Number(t! <= n! + 1)) },
          },
        }),
      'MultiHeadAttention that looks back': () =>
        fused({
          nodes: 'y = com.microsoft.MultiHeadAttention<num_heads = 2, unidirectional = 1>(q, k, v)',
          inputs: { q: ['N', 'T', 4], k: ['N', 'T', 4], v: ['N', 'T', 4] },
        }),
      'MultiHeadAttention with a past': () =>
        fused({
          nodes: 'y, keys, values = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v, , , , pastKeys, pastValues)',
          inputs: { q: ['N', 3, 4], k: ['N', 3, 4], v: ['N', 3, 4], pastKeys: ['N', 2, 2, 2], pastValues: ['N', 2, 2, 2] },
          outputs: ['y', 'keys', 'values'],
        }),
      'MultiHeadAttention of keys by heads': () =>
        fused({
          nodes: 'y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v)',
          inputs: { q: ['N', 3, 4], k: ['N', 2, 5, 2], v: ['N', 2, 5, 2] },
        }),
      GroupQueryAttention: (draw) => {
        const rotary = pick(draw, '', ', do_rotary = 1', ', do_rotary = 1, rotary_interleaved = 1')
        const how = pick(draw, '', ', softcap = 1.5', ', local_window_size = 2', ', scale = 0.9')
        const packed = pick(draw, true, false)
        const inputs = packed ? 'qkv, , ' : 'q, k, v'
        return fused({
          nodes: `y, keys, values = com.microsoft.GroupQueryAttention<num_heads = 2, kv_num_heads = 1${rotary}${how}>(${inputs}, , , lengths, total${rotary === '' ? '' : ', cosines, sines'})`,
          inputs: {
            ...(packed ? { qkv: ['N', 4, 64] } : { q: ['N', 4, 32], k: ['N', 4, 16], v: ['N', 4, 16] }),
            lengths: { shape: ['N'], ...ints(() => 3) },
            total: { shape: [1], ...ints(() => 4) },
            ...(rotary === '' ? {} : tables(8)),
          },
          outputs: ['y', 'keys', 'values'],
        })
      },
      'GroupQueryAttention with a past': (draw) => {
        const rotary = pick(draw, '', ', do_rotary = 1')
        return fused({
          nodes: `y, keys, values = com.microsoft.GroupQueryAttention<num_heads = 2, kv_num_heads = 1${rotary}>(q, k, v, pastKeys, pastValues, lengths, total${rotary === '' ? '' : ', cosines, sines'})`,
          inputs: {
            ...{ q: ['N', 1, 32], k: ['N', 1, 16], v: ['N', 1, 16], pastKeys: ['N', 1, 3, 16], pastValues: ['N', 1, 3, 16] },
            lengths: { shape: ['N'], ...ints(() => 3) },
            total: { shape: [1], ...ints(() => 4) },
            ...(rotary === '' ? {} : tables(8)),
          },
          outputs: ['y', 'keys', 'values'],
        })
      },
      'Attention of ai.onnx': (draw) => {
        const [heads, flat] = [pick(draw, 2, 4), pick(draw, true, false)]
        const counts = flat ? `q_num_heads = ${heads}, kv_num_heads = 2, ` : ''
        const mask = pick(draw, '', ', mask', ', bias', ', all')
        return fused({
          nodes: `y = Attention<${counts}is_causal = ${pick(draw, 0, 1)}${pick(draw, '', ', scale = 0.7', ', softcap = 1.5')}>(q, k, v${mask})`,
          inputs: {
            q: flat ? ['N', 3, heads * 2] : ['N', heads, 3, 2],
            k: flat ? ['N', 5, 4] : ['N', 2, 5, 2],
            v: flat ? ['N', 5, 6] : ['N', 2, 5, 3],
            bias: [3, 5],
            all: [1, heads, 3, 5],
            mask: { shape: [3, 5], fixed: (shape) => filled(shape, ([s, t]) => Number((s! + t!) % 3 !== 1), 'bool') },
          },
          opset: 23,
        })
      },
      'Attention of ai.onnx with a past': (draw) =>
        fused({
          nodes: `y, keys, values = Attention<q_num_heads = 2, kv_num_heads = 2, is_causal = ${pick(draw, 0, 1)}>(q, k, v, , pastKeys, pastValues)`,
          inputs: { q: ['N', 3, 4], k: ['N', 3, 4], v: ['N', 3, 4], pastKeys: ['N', 2, 2, 2], pastValues: ['N', 2, 2, 2] },
          outputs: ['y', 'keys', 'values'],
          opset: 23,
        }),
    },
    { runs: 5 },
  )
})

describe('what is not taken apart', () => {
  const of = (nodes: string) =>
    parseText(
      `<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]> m (float[2, 3] x, float[3, 4] w) => (float[] y) <int64[1] zero = {0}> { ${nodes} }`,
    )

  test('a model without fused operators is the same', async () => {
    const model = of('y = MatMul(x, w)')
    expect(await decompose(model)).toBe(model)
  })

  test('an activation without a rule stays', async () => {
    const { graph } = await decompose(of('y = com.microsoft.FusedGemm<activation = "Nonsense">(x, w)'))
    expect(graph.nodes.map(({ op }) => op)).toEqual(['FusedGemm'])
  })

  test.each([
    [
      'y = com.microsoft.FusedGemm<activation = "Nonsense">(x, w)',
      /'y' \(FusedGemm\) has no gradient: its activation 'Nonsense' has no rule/,
    ],
    [
      's = Unsqueeze(x, zero) v = Unsqueeze(w, zero) y, h = GRU<hidden_size = 4>(s, v, v)',
      /'y' \(GRU\) has no gradient: recurrent layers do not give/,
    ],
    ['y = MatMulInteger(x, w)', /'y' \(MatMulInteger\) has no gradient: it computes with quantised numbers/],
  ])('says why: %s', async (nodes, reason) => {
    const model = of(`${nodes} z = ReduceSum<keepdims = 0>(y)`)
    await expect(gradient(model, { of: 'z', wrt: ['x'] })).rejects.toThrow(reason)
  })
})
