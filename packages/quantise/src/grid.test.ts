import { type Model, modelBytes, parseText, readAll, usesOf, valuesOf } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { applyQuantisation } from './apply.js'
import { GRID_OF_UNITS, gridOfBlocks, gridsOf, scaleOnGrid } from './grid.js'
import { quantise } from './quantise.js'

const onGrid = (codes: readonly number[], scale: number) => Float32Array.from(codes, (code) => code * Math.fround(scale))

describe('the scale of elements on a grid', () => {
  test.each([
    ['of 4 bits with the outermost code', [-8, 3, 0, 7], 0.37, gridOfBlocks(4, 4)],
    ['of 4 bits with a scale below 0', [-8, 5, 1, 0], -0.37, gridOfBlocks(4, 4)],
    ['of 4 bits without the outermost code', [5, -3, 2, 0], 0.01, gridOfBlocks(4, 4)],
    ['of 4 bits where only the upper end is met', [7, -6, 1, 5], 1e-6, gridOfBlocks(4, 4)],
    ['of 8 bits', [-128, 127, 3, -5], 0.001, gridOfBlocks(8, 4)],
    ['of 8 bits without the ends', [101, -97, 53, 1], 0.001, gridOfBlocks(8, 4)],
    ['of units', [-127, 64, 1, 0], 0.2, GRID_OF_UNITS],
    ['of units without the ends', [101, -97, 53, 1], 0.2, GRID_OF_UNITS],
  ])('%s gives the elements again', (_, codes, scale, grid) => {
    const elements = onGrid(codes, scale)
    const found = scaleOnGrid(elements, grid, 'w')
    for (const value of elements) {
      const code = Math.round(value / found)
      expect(code).toBeGreaterThanOrEqual(grid.least)
      expect(code).toBeLessThanOrEqual(grid.most)
      expect(Math.abs(code * found - value)).toBeLessThanOrEqual(1e-6 * Math.abs(value))
    }
  })

  test('is 1 of zeros, and refused of elements on none', () => {
    expect(scaleOnGrid(new Float32Array(4), gridOfBlocks(4, 4), 'w')).toBe(1)
    expect(() => scaleOnGrid(Float32Array.of(1, Math.SQRT1_2, Math.E / 3, 0.11), gridOfBlocks(4, 4), 'w')).toThrow(
      "the plan has 'w' on a grid of 16 codes, and its elements lie on none.",
    )
  })
})

/** Two products; the elements of 'w' are codes times a scale of each block of 16 inputs, or unit. */
function network(w: Float32Array): Model {
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (float[N, 32] x) => (float[N, 16] y) <float[32, 16] w, float[16, 16] v> { h = MatMul(x, w) y = Gemm<transB = 1>(h, v) }`,
    { w, v: Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)) },
  )
}

test('products in few bits have grids, other weights have none', () => {
  const model = network(new Float32Array(512))
  expect(gridsOf(model, { method: 'int4', block: 16 })).toEqual(
    new Map([
      ['w', { least: -8, most: 7, block: 16, outermost: -8 }],
      ['v', { least: -8, most: 7, block: 16, outermost: -8 }],
    ]),
  )
  expect(gridsOf(model, { method: 'int8' }).get('w')).toEqual({ least: -127, most: 127, outermost: 127 })
  expect(gridsOf(model, { method: 'f16' }).size).toBe(0)
})

describe('a weight on its grid', () => {
  const scaleAt = (k: number, unit: number) => (0.1 + unit / 7) * (k < 16 ? 1 : 3)
  test('keeps every code in blocks of 4 bits, and is stored again from the step', async () => {
    const codeAt = (k: number, unit: number) => ((k * 7 + unit * 3) % 11) - 5
    const w = Float32Array.from({ length: 512 }, (_, i) => {
      const [k, unit] = [Math.floor(i / 16), i % 16]
      return codeAt(k, unit) * Math.fround(scaleAt(k, unit))
    })
    const { model, step } = await quantise(network(w), { method: 'int4', block: 16, onGrid: new Set(['w']) })
    expect(step.weights).toEqual([
      { id: 'w', form: 'blocks', elements: 512, onGrid: true },
      { id: 'v', form: 'blocks', elements: 256 },
    ])
    const { constants } = usesOf(model.graph)
    const bytes = await readAll(constants.get('w_int4')!.data)
    const scales = valuesOf('float32', await readAll(constants.get('w_scale')!.data)) as Float32Array
    for (let unit = 0; unit < 16; unit++)
      for (let k = 0; k < 32; k++) {
        const block = unit * 2 + Math.floor(k / 16)
        const byte = bytes[block * 8 + ((k % 16) >> 1)]!
        const code = (k % 2 === 0 ? byte & 15 : byte >> 4) - 8
        expect(code * scales[block]!).toBeCloseTo(w[k * 16 + unit]!, 5)
      }
    expect(await modelBytes(await applyQuantisation(network(w), step))).toEqual(await modelBytes(model))
  })

  test('keeps every code of a unit of 8 bits', async () => {
    const w = Float32Array.from({ length: 512 }, (_, i) => (((i * 37) % 201) - 100) * Math.fround(0.01 * (1 + (i % 16))))
    const { model } = await quantise(network(w), { method: 'int8', onGrid: new Set(['w']) })
    const { constants } = usesOf(model.graph)
    const codes = await readAll(constants.get('w_uint8')!.data)
    const scales = valuesOf('float32', await readAll(constants.get('w_scale')!.data)) as Float32Array
    for (const [i, value] of w.entries()) expect((codes[i]! - 128) * scales[i % 16]!).toBeCloseTo(value, 5)
  })
})
