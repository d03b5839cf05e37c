import { type DataType, elementCount, type Tensor } from '@pare/onnx'

/** How the numbers of a tensor are stored as integers: element = scale · (code − zero). */
export interface Coding {
  /** The stored codes. */
  readonly codes: Tensor
  /** What a code is: of a packed tensor not the type that it is stored as. */
  readonly type: DataType
  /** Of the elements. */
  readonly shape: readonly number[]
  /** Codes from one row (along the last axis) to the next, where rows are padded. Default: as many as a row has elements */
  readonly stride?: number
  /** Default: 1 for all */
  readonly scale?: Parameter
  /** Default: `origin` for all */
  readonly zero?: Parameter
  /** The code of 0 where no tensor says it. */
  readonly origin: number
}

/** A number for each element, of which many share one. */
export interface Parameter {
  readonly tensor: Tensor
  /** What its numbers are: of a packed tensor not the type that it is stored as. */
  readonly type: DataType
  readonly grid: Grid
}

/**
 * Which number of a list an element has. Its position along the axis is ⌊element ÷ inner⌋ mod size. Without blocks there is one number for each position;
 * with blocks of so many positions one for each block of each row, so that the list has the shape [outer, blocks, inner].
 */
export interface Grid {
  readonly size: number
  readonly inner: number
  /** Positions of a block. 0: no blocks. */
  readonly block: number
  /** Blocks of a row, padding included. */
  readonly blocks: number
}

/** One number for all elements. */
export function forAll(shape: readonly number[]): Grid {
  return { size: 1, inner: Math.max(elementCount(shape), 1), block: 0, blocks: 0 }
}

/** One number for each position of an axis, or for each block of so many positions. */
export function alongAxis(shape: readonly number[], axis: number, block = 0): Grid {
  const size = shape[axis]!
  return { size, inner: elementCount(shape.slice(axis + 1)), block, blocks: block > 0 ? Math.ceil(size / block) : 0 }
}

/** The place in its list of the number that an element has. */
export function placeIn({ size, inner, block, blocks }: Grid, element: number): number {
  const position = Math.floor(element / inner) % size
  if (block === 0) return position
  return (Math.floor(element / (inner * size)) * blocks + Math.floor(position / block)) * inner + (element % inner)
}
