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

test('what was masked is rounded to what it was before: outputs are nearer to those than the masked model is', async () => {
  const [rows, columns, units] = [400, 32, 16]
  const noise = wave(rows * columns, 5)
  const inputs = new Float32Array(rows * columns)
  // Each input is most of the one before it, so that others can make up for one that goes.
  for (let i = 0; i < inputs.length; i++) inputs[i] = (i % columns === 0 ? 0 : 0.9 * inputs[i - 1]!) + noise[i]!
  const product = (w: Float32Array) =>
    parseText('g (float[N, 32] x) => (float[N, 16] y) <float[32, 16] w> { y = MatMul(x, w) }', { w })
  const before = wave(columns * units, 6)
  const whole = product(before)
  const masked = product(before.map((value, i) => ((i * 7919) % 31 < 13 ? 0 : value)))
  const errorOf = async (other: Model) => {
    const w = await values(other, 'w')
    let error = 0
    for (let row = 0; row < rows; row++)
      for (let unit = 0; unit < units; unit++) {
        let off = 0
        for (let k = 0; k < columns; k++) off += inputs[row * columns + k]! * (w[k * units + unit]! - before[k * units + unit]!)
        error += off * off
      }
    return error
  }
  const rounded = async (more: { readonly whole?: Model }) => {
    const request = { solver: gptq({ threads: 1 }), grids: new Map([['w', GRID]]), ...more }
    const forward = arrayForward({ x: { data: inputs, shape: [rows, columns] } })
    const update = await planRounding(masked, request, { seed: 1, forward })
    return errorOf(await applyPlan(masked, { seed: 1, steps: [update] }))
  }
  const least = await errorOf(masked)
  expect(await rounded({ whole })).toBeLessThan(0.5 * least)
  expect(await rounded({})).toBeGreaterThan(0.9 * least)
  // Of another size it says nothing of this one.
  expect(
    await rounded({
      whole: parseText('g (float[N, 32] x) => (float[N, 8] y) <float[32, 8] w> { y = MatMul(x, w) }', { w: wave(256, 1) }),
    }),
  ).toBe(await rounded({}))
})
