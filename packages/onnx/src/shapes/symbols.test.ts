import { describe, expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { inferShapes, symbolsOf } from './shapes.js'
import { type SizeExpression, sizeOf } from './size-expression.js'

const sum = (left: SizeExpression, right: SizeExpression) => ({ op: '+', left, right }) as const

/** Attention over a cache: scores [B, 2, S, past and S] and a mask [B, 1, 1, covers]. */
const attending = ({ covers, tokens = 'S', past = 'P' }: { covers: string; tokens?: string; past?: string }) =>
  parseText(
    `g (float[B, 2, ${tokens}, 4] query, float[B, 2, ${tokens}, 4] now, float[B, 2, "${past}", 4] before, float[B, "${covers}"] mask)
     => (float[B, 2, ${tokens}, "${covers}"] p, float[B, 2, "${covers}", 4] present) <int64[2] middle = {1, 2}> {
       present = Concat<axis = 2>(before, now)
       turned = Transpose<perm = [0, 1, 3, 2]>(present)
       scores = MatMul(query, turned)
       wide = Unsqueeze(mask, middle)
       masked = Add(scores, wide)
       p = Softmax<axis = -1>(masked)
     }`,
  )

describe('the size of a mask over a cache', () => {
  test.each([
    'P + 1',
    'P + S',
    'total_sequence_length',
    'kv_len',
    'S + 1',
  ])('called %s is what the scores say', async (covers) => {
    const { free, tied } = await symbolsOf(attending({ covers }))
    expect([...tied.keys()]).toEqual([covers])
    expect(sizeOf(tied.get(covers)!, (name) => ({ P: 30, S: 4 })[name])).toBe(34)
    expect(free).toEqual(['B', 'S', 'P'])
  })

  test('is the sum that it is written as where one token comes at a time', async () => {
    expect([...(await symbolsOf(attending({ covers: 'P + 1', tokens: '1' }))).tied]).toEqual([['P + 1', sum('P', 1)]])
  })

  test('makes all shapes known, at the sizes that are given and at others', async () => {
    const model = attending({ covers: 'P + 1' })
    const { shapes } = await inferShapes(model, { dims: { B: 2, P: 3, S: 2 } })
    expect(shapes.get('mask')).toEqual([2, 5])
    expect(shapes.get('p')).toEqual([2, 2, 2, 5])
    expect((await inferShapes(model)).shapes.get('p')).toEqual([1, 2, 1, 2])
    const inputs = { query: [1, 2, 7, 4], before: [1, 2, 0, 4] }
    expect((await inferShapes(model, { inputs })).shapes.get('p')).toEqual([1, 2, 7, 7])
  })

  test('is what is given where it is given', async () => {
    const { shapes } = await inferShapes(attending({ covers: 'T' }), { dims: { B: 1, P: 3, S: 2, T: 1 } })
    expect(shapes.get('mask')).toEqual([1, 1])
  })
})

describe('with attention as one operator', () => {
  const grouped = (covers: string, more = '') =>
    parseText(
      `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
       g (int64[B, S] input_ids, int64[B, "${covers}"] attention_mask${more}, float[B, 1, P, 16] past_key_values.0.key, float[B, 1, P, 16] past_key_values.0.value)
       => (float[B, S, 16] y, float[B, 1, T, 16] k, float[B, 1, T, 16] v) <float[9, 16] embed, int64[1] at1 = {1}, int64 one = {1}> {
         q = Gather(embed, input_ids)
         counts = ReduceSum<keepdims = 0>(attention_mask, at1)
         less = Sub(counts, one)
         last = Cast<to = 6>(less)
         shape = Shape(attention_mask)
         all = Gather(shape, one)
         total = Cast<to = 6>(all)
         y, k, v = com.microsoft.GroupQueryAttention<num_heads = 1, kv_num_heads = 1>(q, q, q, past_key_values.0.key, past_key_values.0.value, last, total)
       }`,
    )

  test.each([
    'total_sequence_length',
    'P + 1',
  ])('a mask of %s covers cache and tokens, since nothing speaks against it', async (covers) => {
    expect([...(await symbolsOf(grouped(covers))).tied]).toEqual([[covers, sum('P', 'S')]])
  })

  test('a size that other inputs have too is theirs', async () => {
    expect([...(await symbolsOf(grouped('E', ', float[B, E, 4] encoder_hidden_states'))).tied]).toEqual([])
  })
})

test('where shapes contradict each other, one size is another', async () => {
  const model = parseText(
    `g (float[B, 2, S, 4] query, float[B, 2, encoder_out, 4] keys, float[B, encoder] mask) => (float[B, 2, S, encoder] p) <int64[2] middle = {1, 2}> {
       turned = Transpose<perm = [0, 1, 3, 2]>(keys)
       scores = MatMul(query, turned)
       wide = Unsqueeze(mask, middle)
       p = Add(scores, wide)
     }`,
  )
  expect([...(await symbolsOf(model)).tied]).toEqual([['encoder_out', 'encoder']])
})

test('where they do not, all are free', async () => {
  const model = parseText(
    `g (int64[batch, seq] ids, float[batch, 3, height, width] image) => (float[batch, 4, a, b] y, float[batch, seq, 2] z) <float[9, 2] e, float[4, 3, 3, 3] w> {
       z = Gather(e, ids)
       y = Conv(image, w)
     }`,
    { e: new Float32Array(18), w: new Float32Array(108) },
  )
  expect(await symbolsOf(model)).toEqual({ free: ['batch', 'seq', 'height', 'width'], tied: new Map() })
})

test('what is written follows, also from names that stand nowhere else, and what cannot always be computed is free', async () => {
  const model = parseText(
    `g (float["s0", "2*s0"] a, float["s1 + 1", 3] b, float["height / 8", 3] c) => (float["s0", "2*s0"] x, float["s1 + 1", 3] y, float["height / 8", 3] z) {
       x = Relu(a)
       y = Relu(b)
       z = Relu(c)
     }`,
  )
  const { free, tied } = await symbolsOf(model)
  expect(free).toEqual(['s0', 'height / 8', 's1'])
  expect([...tied.keys()]).toEqual(['2*s0', 's1 + 1'])
  expect((await inferShapes(model, { dims: { s0: 3, s1: 4 } })).shapes.get('x')).toEqual([3, 6])
  expect((await inferShapes(model, { dims: { s0: 3, s1: 4 } })).shapes.get('y')).toEqual([5, 3])
})
