import { applyPlan, planRounding, type RoundingGrid } from '@pare/core'
import { type Model, parseText, readAll, usesOf, valuesOf } from '@pare/onnx'
import { arrayForward } from '@pare/testing'
import { expect, test } from 'vitest'
import { gptq, sparsegpt } from './index.js'

const wave = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + Math.cos(i * i * 0.31))

const GRID: RoundingGrid = { least: -8, most: 7, block: 16, outermost: -8 }
const model = parseText(
  `g (float[N, 32] x) => (float[N, 16] y) <float[32, 32] a, float[16, 32] b, float[16, 16] c>
   { h = MatMul(x, a) r = Relu(h) s = Gemm<transB = 1>(r, b) y = MatMul(s, c) }`,
  { a: wave(1024, 1).map((value, i) => (i % 3 === 0 ? 0 : value)), b: wave(512, 2), c: wave(256, 4) },
)
const x = { x: { data: wave(32 * 200, 3), shape: [200, 32] } }
const options = { seed: 1, forward: arrayForward(x) }
const grids = new Map(['a', 'b'].map((id) => [id, GRID]))

async function values(of: Model, name: string): Promise<Float32Array> {
  return valuesOf('float32', await readAll(usesOf(of.graph).constants.get(name)!.data)) as Float32Array
}

test('weights with a grid are rounded to it, each where its inputs are, zeros stay zeros, and others are left', async () => {
  const step = await planRounding(model, { solver: gptq({ threads: 1 }), grids }, options)
  expect(step).toMatchObject({ kind: 'update', by: 'gptq', notes: [] })
  expect(step.tensors.map(({ id }) => id)).toEqual(['a', 'b'])
  const rounded = await applyPlan(model, { seed: 1, steps: [step] })
  const [before, after] = [await values(model, 'a'), await values(rounded, 'a')]
  for (const [i, value] of before.entries()) if (value === 0) expect(after[i]).toBe(0)
  expect(await values(rounded, 'c')).toEqual(await values(model, 'c'))
  // Of 16 inputs of one output unit there are no more than 16 numbers: of a MatMul in a column, of a turned Gemm in a row.
  const b = await values(rounded, 'b')
  for (let unit = 0; unit < 16; unit++) {
    expect(new Set(Array.from({ length: 16 }, (_, k) => after[k * 32 + unit])).size).toBeLessThanOrEqual(16)
    const row = b.subarray(unit * 32, unit * 32 + 16)
    const steps = [...new Set(row)].sort((left, right) => left - right)
    const finest = Math.min(...steps.slice(1).map((value, i) => value - steps[i]!))
    for (const value of row) expect(Math.abs(value / finest - Math.round(value / finest))).toBeLessThan(1e-3)
  }
})

test('a solver that rounds nothing is refused, and without data', async () => {
  await expect(planRounding(model, { solver: sparsegpt(), grids }, options)).rejects.toThrow(
    "solver 'sparsegpt' does not round weights to a grid.",
  )
  await expect(planRounding(model, { solver: gptq(), grids }, { seed: 1 })).rejects.toThrow(
    "criterion 'gptq' needs gram of calibration data, and there are none.",
  )
})
