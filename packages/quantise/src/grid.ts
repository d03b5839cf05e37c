import { type Model, PareError, readAll, type Tensor, usesOf } from '@pare/onnx'
import type { BlockSize, QuantisedForm, Quantiser } from './choices.js'
import { findWeights } from './find.js'
import { placesOf, unitAxis } from './place.js'
import { floats, MOST_CODE, MOST_OF_TWO } from './scales.js'
import type { QuantisedWeight } from './step.js'

/** What the elements of a weight as a matrix f32[rows × columns] can be rounded to: whole codes times a scale, 0 among them. */
export interface RoundingGrid {
  readonly least: number
  readonly most: number
  /** Columns of a row that share a scale. Default: all */
  readonly block?: number
  /** What the element of the largest size is coded as: a scale may be negative, and where `least` is the further end it is that. */
  readonly outermost: number
}

export interface GridOptions {
  readonly method: Quantiser
  /** Default: 32 */
  readonly block?: BlockSize
  /** Those that are rounded, as a step has them. Default: all that the method finds */
  readonly weights?: readonly QuantisedWeight[]
}

/** The grids of those weights of MatMul and Gemm, and with `int8-static` of Conv, that a method multiplies in few bits, by name: whoever rounds them better than to the nearest keeps to these. */
export function gridsOf(model: Model, { method, block = 32, weights }: GridOptions): ReadonlyMap<string, RoundingGrid> {
  const uses = usesOf(model.graph)
  return new Map(
    (weights ?? findWeights(model, method, block).weights).flatMap(({ id, form, bits }) => {
      // Of a weight that is read along both axes there would be two.
      const axes = new Set(placesOf(id, uses).map((place) => unitAxis(place, uses.constants.get(id)!)))
      // Halves hold no codes times scales.
      const { type, shape } = uses.constants.get(id)!
      const grid =
        type !== 'float32' || isOfEachChannel(shape) ? undefined : gridOf(form, bits === 8 ? 'int8-weights' : method, block)
      return axes.size !== 1 || grid === undefined ? [] : [[id, grid]]
    }),
  )
}

/** Of a convolution of each channel for itself, whose inputs are few. */
function isOfEachChannel(shape: readonly number[]): boolean {
  return shape.length > 2 && shape[1] === 1
}

/** Of a weight that is multiplied in few bits. Undefined: it is stored so, and multiplied as floats. */
export function gridOf(form: QuantisedForm, method: Quantiser, block: number): RoundingGrid | undefined {
  switch (form) {
    case 'integers':
      return GRID_OF_UNITS
    case 'static':
      return { least: -MOST_OF_TWO, most: MOST_OF_TWO, outermost: MOST_OF_TWO }
    case 'blocks':
      return gridOfBlocks(method === 'int4' ? 4 : 8, block)
    default:
      return undefined
  }
}

export const GRID_OF_UNITS: RoundingGrid = { least: -MOST_CODE, most: MOST_CODE, outermost: MOST_CODE }

export function gridOfBlocks(bits: 4 | 8, block: number): RoundingGrid {
  const middle = 2 ** (bits - 1)
  return { least: -middle, most: middle - 1, block, outermost: -middle }
}

/** How far from a whole code an element on a grid is at most, by rounding to f32. Of another grid some element is at least 1/128 away. */
const NEARLY = 1e-3

/**
 * The scale of elements that are codes times a scale already: the largest one is some code, and the further out it is, the better. 1 where all are zero.
 *
 * @throws PareError where they lie on no such grid.
 */
export function scaleOnGrid(elements: Float32Array, { least, most, outermost }: RoundingGrid, id: string): number {
  let largest = 0
  for (const value of elements) if (Math.abs(value) > Math.abs(largest)) largest = value
  if (largest === 0) return 1
  for (let size = Math.abs(outermost); size > 0; size--)
    for (const code of outermost < 0 ? [-size, size] : [size]) {
      if (code < least || code > most) continue
      // Scales of symmetric codes are positive, whatever the sign of the largest element.
      const scale = Math.fround(outermost < 0 ? largest / code : Math.abs(largest) / code)
      if (elements.every((value) => isOn(value / scale, least, most))) return scale
    }
  throw new PareError(`the plan has '${id}' on a grid of ${most - least + 1} codes, and its elements lie on none.`, {
    hint: 'replay a plan on the model it was made for; its path and hash stand at the top of the plan.',
  })
}

function isOn(ratio: number, least: number, most: number): boolean {
  const code = Math.round(ratio)
  return Math.abs(ratio - code) < NEARLY && code >= least && code <= most
}

/** f32[units]: scales of a matrix, or a weight whose units come first, whose elements are codes times those already. Default of the grid: that of `int8` */
export async function unitScalesOnGrid(tensor: Tensor, axis: number, grid: RoundingGrid = GRID_OF_UNITS): Promise<Float32Array> {
  const values = floats(await readAll(tensor.data))
  const rows = tensor.shape[0]!
  const columns = values.length / rows
  const [units, inputs] = axis === 0 ? [rows, columns] : [columns, rows]
  const own = new Float32Array(inputs)
  return Float32Array.from({ length: units }, (_, unit) => {
    for (let k = 0; k < inputs; k++) own[k] = values[axis === 0 ? unit * columns + k : k * columns + unit]!
    return scaleOnGrid(own, grid, tensor.name)
  })
}
