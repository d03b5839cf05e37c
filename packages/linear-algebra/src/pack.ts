import { TILE } from './product-kernel.js'

/**
 * A matrix as a factor of a product, wherever its elements lie: element (i, k) at start + i · across + k · along, where i counts the rows of the left
 * factor or the columns of the right one, and k runs over the sum. So a transposed or reversed matrix is one too.
 */
export interface Operand {
  readonly data: Float64Array
  readonly start: number
  readonly across: number
  readonly along: number
  /** Rows of the left factor, columns of the right one. */
  readonly count: number
  /** Length of the sums. */
  readonly depth: number
}

export const panels = (count: number) => Math.ceil(count / TILE)

/** Puts the elements in the order in which the kernel reads them, with zeros up to multiples of four. Returns the bytes of a panel. */
export function pack({ data, start, across, along, count, depth }: Operand, into: Float64Array): number {
  const length = TILE * Math.ceil(depth / TILE)
  const whole = count - (count % TILE)
  let at = 0
  for (let i = 0; i < whole; i += TILE) {
    let from = start + i * across
    for (let k = 0; k < depth; k++, from += along, at += TILE) {
      into[at] = data[from]!
      into[at + 1] = data[from + across]!
      into[at + 2] = data[from + 2 * across]!
      into[at + 3] = data[from + 3 * across]!
    }
    for (const end = at + TILE * (length - depth); at < end; at++) into[at] = 0
  }
  if (whole < count) {
    into.fill(0, at, at + TILE * length)
    for (let i = whole; i < count; i++) {
      for (let k = 0; k < depth; k++) into[at + TILE * k + i - whole] = data[start + i * across + k * along]!
    }
  }
  return 8 * TILE * length
}
