import { createRequire } from 'node:module'
import { type Model, modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { applyVocabulary, keptOf, vocabularyStep } from './step.js'

const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const sine = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + seed))

/** RoBERTa's way of counting places: from the words that are not padding, whose id is 5. `head`: a weight of its own, or the table again. */
const counted = (head: 'own' | 'tied'): Model =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     counted (int64[N, T] input_ids) => (float[N, T, 9] logits)
     <float[9, 4] words, float[8, 4] places, float[4, 9] own, float[9] bias, int64 pad = {5}, int64 two = {1}>
     { is = Equal(input_ids, pad)
       not = Not(is)
       real = Cast<to = 7>(not)
       sums = CumSum(real, two)
       at = Mul(sums, real)
       x = Gather(words, input_ids)
       p = Gather(places, at)
       h = Add(x, p)
       turned = Transpose<perm = [1, 0]>(words)
       y = MatMul(h, ${head === 'own' ? 'own' : 'turned'})
       logits = Add(y, bias) }`,
    { words: sine(36, 1), places: sine(32, 2), own: sine(36, 3), bias: sine(9, 4) },
  )

async function logits(
  model: Model,
  ids: readonly number[],
  more: Readonly<Record<string, import('onnxruntime-node').Tensor>> = {},
): Promise<{ values: Float32Array; width: number }> {
  const session = await InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const { logits } = await session.run({
    input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
    ...more,
  })
  return { values: logits!.data as Float32Array, width: logits!.dims.at(-1)! }
}

describe.each(['own', 'tied'] as const)('a head of %s', (head) => {
  it('loses the tokens that are gone; what ids are compared with gets its new id; all other numbers are the same bit for bit', async () => {
    const model = counted(head)
    const kept = [0, 2, 5, 6, 8]
    const step = await vocabularyStep(model, new Set(kept))
    expect(step).toMatchObject({ kind: 'vocabulary', units: 9, groups: head === 'own' ? ['words:0', 'own:1'] : ['words:0'] })
    expect(keptOf(step)).toEqual(kept)
    const smaller = await applyVocabulary(model, step)
    const text = [2, 5, 8, 6, 0, 5, 2]
    const before = await logits(model, text)
    const after = await logits(
      smaller,
      text.map((id) => kept.indexOf(id)),
    )
    expect(after.width).toBe(5)
    const expected = text.flatMap((_, at) => kept.map((id) => before.values[at * 9 + id]!))
    expect([...after.values]).toEqual(expected)
    expect(smaller.graph.outputs[0]!.shape).toEqual(['N', 'T', 5])
  })
})

/** The model above in both branches of an If, as decoders are merged: the table and the head are around them, names in both are the same. */
const merged = (): Model =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     merged (int64[N, T] input_ids, bool[1] use_cache_branch) => (float[N, T, 9] logits)
     <float[9, 4] words, float[4, 9] own, int64 pad = {5}, int64[1] last = {-1}>
     { logits = If(use_cache_branch) <
         then_branch = cached () => (float[N, T, 9] y)
         { is = Equal(input_ids, pad)
           flags = Cast<to = 1>(is)
           x = Gather(words, input_ids)
           z = MatMul(x, own)
           w = Unsqueeze(flags, last)
           y = Add(z, w) },
         else_branch = first () => (float[N, T, 9] y)
         { x = Gather(words, input_ids)
           y = MatMul(x, own) }
       > }`,
    { words: sine(36, 1), own: sine(36, 3) },
  )

it.each([0, 1])('both branches of a merged decoder lose them: branch %i', async (branch) => {
  const kept = [0, 2, 5, 6, 8]
  const model = merged()
  const step = await vocabularyStep(model, new Set(kept))
  expect(step.groups).toEqual(['words:0', 'own:1'])
  const smaller = await applyVocabulary(model, step)
  const flag = { use_cache_branch: new Tensor('bool', Uint8Array.of(branch), [1]) }
  const text = [2, 5, 8, 6, 0, 5, 2]
  const before = await logits(model, text, flag)
  const now = text.map((id) => kept.indexOf(id))
  const after = await logits(smaller, now, flag)
  expect(after.width).toBe(5)
  expect([...after.values]).toEqual(text.flatMap((_, at) => kept.map((id) => before.values[at * 9 + id]!)))
})

it.each([
  ['y = Gather(words, positions)', "no input of the model is called 'input_ids' or 'decoder_input_ids'", 'positions'],
  [
    'f = Cast<to = 1>(input_ids)\ny = Unsqueeze(f, last)',
    "Cast 'f' reads ids of tokens, and what it does with them is not known",
    'input_ids',
  ],
  ['s = Shape(input_ids)\ny = Cast<to = 1>(s)', 'no table of the model is read by ids of tokens', 'input_ids'],
])('%s: it says why not', async (nodes, message, input) => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     other (int64[N, T] ${input}) => (float y)
     <float[9, 4] words, int64[1] last = {-1}>
     { ${nodes} }`,
    { words: sine(36, 1) },
  )
  await expect(vocabularyStep(model, new Set([1]))).rejects.toThrow(message)
})

it('a plan for another model is refused', async () => {
  const step = await vocabularyStep(counted('own'), new Set([0, 5]))
  await expect(applyVocabulary(counted('tied'), step)).rejects.toThrow(
    'the plan is for 9 tokens in words:0, own:1, and the model has 9 in words:0.',
  )
})
