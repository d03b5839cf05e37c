import { float32ToFloat16, modelBytes, openModel } from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import type { Feeds } from './parts.js'
import { difference, differenceOf, FEEDS, inFloats, inHalves, models, pruned, withStoredHalves } from './pruned.test.support.js'
import { SparseSession } from './sparse-session.js'

const NAMES = ['mlp-digits', 'kjv-bert', 'lm-llama', 'mnist-mobilenet-bn']

describe.each(NAMES)('%s', (name) => {
  it.each([
    'float16',
    'bfloat16',
  ] as const)('with weights stored as %s computes in f32, as the dense model does', async (type) => {
    await using file = await openModel(`${models}${name}.onnx`)
    const bytes = await modelBytes(await withStoredHalves(await pruned(file.model, 0.8), type))
    expect(await sparseProducts(bytes)).toBe(await sparseProducts(await modelBytes(await pruned(file.model, 0.8))))
    expect(await difference(bytes, FEEDS[name]!)).toBeLessThan(2e-5)
  })

  it('of halves throughout is as near to f32 as ONNX Runtime is', async () => {
    await using file = await openModel(`${models}${name}.onnx`)
    const model = await pruned(file.model, 0.8)
    const bytes = await modelBytes(await inHalves(model))
    // A half has 11 bits: 4.9e-4 is half a unit in the last place, and some of them add up.
    expect(await difference(bytes, FEEDS[name]!.map(halved))).toBeLessThan(2e-3)
    const [ours, theirs] = await errors(
      { halves: bytes, floats: await modelBytes(await withStoredHalves(model)) },
      FEEDS[name]![0]!,
    )
    expect(ours).toBeLessThan(1.5 * theirs + 1e-4)
  })
})

async function sparseProducts(bytes: Uint8Array): Promise<number> {
  await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0 })
  expect(session.plan.kind).toBe('sparse')
  return session.plan.sparse.length
}

function halved(feeds: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [
      name,
      tensor.type === 'float32' ? new ort.Tensor('float16', float32ToFloat16(tensor.data as Float32Array), tensor.dims) : tensor,
    ]),
  )
}

/** How far the model of halves is from the one that computes in f32, in a sparse session and in ONNX Runtime. */
async function errors({ halves, floats }: { halves: Uint8Array; floats: Uint8Array }, feeds: Feeds): Promise<[number, number]> {
  await using session = await SparseSession.create(halves, { ort, plan: 'sparse', fewestElements: 0 })
  const [dense, exact] = await Promise.all(
    [halves, floats].map((bytes) => ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })),
  )
  const expected = await exact!.run(feeds)
  const typed = (results: Awaited<ReturnType<SparseSession['run']>>) => differenceOf(expected, inFloats(results))
  const results: [number, number] = [typed(await session.run(halved(feeds))), typed(await dense!.run(halved(feeds)))]
  await Promise.all([dense!.release(), exact!.release()])
  return results
}
