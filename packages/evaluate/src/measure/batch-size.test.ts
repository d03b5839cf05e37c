import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { mostSamples } from './batch-size.js'

/** Logits [N, S, vocabulary] of tokens, and a table that is larger than any of them. */
const decoder = (vocabulary: number) =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     g (int64[N, S] ids) => (float[N, S, ${vocabulary}] logits) <float[${vocabulary}, 8] embed> {
       h = Gather(embed, ids)
       head = Transpose<perm = [1, 0]>(embed)
       logits = MatMul(h, head)
     }`,
    { embed: new Float32Array(vocabulary * 8) },
  )
const ofLength = (seq: number) => (samples: number) => ({ ids: [samples, seq] })

describe('samples at once', () => {
  test.each([
    // 128 MiB ÷ (256 tokens · 50,000 classes · 4 bytes) = 2.6; · 100,000 classes = 1.3; ÷ (16 · 50,000 · 4) = 41.9
    [50_000, 256, 2],
    [100_000, 256, 1],
    [50_000, 16, 41],
  ])('go by the vocabulary: of %i classes and %i tokens %i', async (vocabulary, seq, samples) => {
    expect(await mostSamples(decoder(vocabulary), ofLength(seq))).toBe(samples)
  })

  test('are one at least', async () => {
    expect(await mostSamples(decoder(50_000), ofLength(4096))).toBe(1)
  })

  test('go by what is inside as well as by outputs', async () => {
    const inside = parseText(
      `g (float[N, 8] x) => (float[N] y) <float[8, 1000000] w, int64[1] last = {1}> {
         h = MatMul(x, w)
         y = ReduceSum<keepdims = 0>(h, last)
       }`,
      { w: new Float32Array(8_000_000) },
    )
    // 128 MiB ÷ 4 MB
    expect(await mostSamples(inside, (samples) => ({ x: [samples, 8] }))).toBe(33)
  })

  test('are as many as one likes where no shape follows, or the inputs do not fit', async () => {
    const odd = parseText('<opset_import: ["" : 17, "other" : 1]> g (float[N, 8] x) => (float[M, 8] y) { y = other.Odd(x) }')
    expect(await mostSamples(odd, (samples) => ({ x: [samples, 8] }))).toBe(Number.POSITIVE_INFINITY)
    expect(await mostSamples(decoder(9), (samples) => ({ ids: [samples, 3, 3] }))).toBe(Number.POSITIVE_INFINITY)
  })
})
