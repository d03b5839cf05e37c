import { makePayload } from '@pare/onnx'
import { expect, test } from 'vitest'
import { cpu } from '../backend/cpu.js'
import { javascript } from '../backend/javascript.js'
import { buffersOf, sourceOf } from '../backend/stream.js'
import type { Weight } from '../contract/contract.js'
import { guessRange } from './guess.js'

/** Numbers from 0 to 1 without any order, one after another. */
function random(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

const next = random()
const MILLION = 1_000_000
// Twelve layers, the largest ten times the smallest: their shares below a threshold are anything from none to all.
const LAYERS = Array.from({ length: 12 }, (_, layer) =>
  Float32Array.from({ length: MILLION }, () => (1 + (layer % 4) * 3) * (next() - 0.5)),
)

// Shares of 512 stretches that differ by 0.3 on the average would give eight standard errors of 0.3 ÷ √512: a tenth of all weights.
test.each([cpu, javascript])('$name: layers that differ do not make the range much wider than chance does', async (backend) => {
  const kernel = backend.compile({ op: 'abs', of: { op: 'weight' } }, 'f32')
  const sources = LAYERS.map((values, i) => sourceOf(weight(`w${i}`, values), 1))
  const scoring = { kernel, precision: 'f32', buffers: buffersOf(kernel), progress() {} } as const
  const sizes = Float32Array.from(
    LAYERS.flatMap((values) => [...values.filter((_, i) => i % 10 === 0)]),
    Math.abs,
  ).sort()
  for (const rank of [0.1, 0.5, 0.9]) {
    const { low, high, size } = (await guessRange(sources, rank * 12 * MILLION, scoring))!
    const border = sizes[Math.floor(rank * sizes.length)]!
    expect(low).toBeLessThan(border)
    expect(high).toBeGreaterThan(border)
    expect(size).toBeLessThan(0.025 * 12 * MILLION)
  }
})

function weight(id: string, values: Float32Array): Weight {
  const data = makePayload(new Uint8Array(values.buffer))
  const tensor = { name: id, type: 'float32', shape: [values.length], data } as const
  return { id, tensor, uses: [], rows: { batch: 1, before: 1, out: 1, after: values.length } } as unknown as Weight
}
