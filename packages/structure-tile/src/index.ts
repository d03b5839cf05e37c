import { PareError, type Structure } from '@pare/core'

export interface TileOptions {
  /** Outputs of a tile. Default: 1 */
  readonly rows?: number
  /** Inputs of a tile: what the weight sums over, for a Conv input channels and, within each, positions of the kernel. Default: 4 */
  readonly columns?: number
}

/** Blocks of rows × columns of a weight as a matrix (a row for each output) are kept or masked as a whole. Those at the edges are smaller where they do not divide. */
export function tile({ rows = 1, columns = 4 }: TileOptions = {}): Structure {
  for (const [name, size] of Object.entries({ rows, columns })) {
    if (Number.isSafeInteger(size) && size >= 1) continue
    throw new PareError(`structure-tile: ${name} is ${size}; a whole number from 1 on was expected.`, {
      hint: 'four inputs of one output: tile:rows=1,columns=4',
    })
  }
  return {
    name: 'tile',
    pattern: 'tile',
    find: ({ weights }) => ({
      groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'tile', rows, columns } })),
      declined: [],
    }),
  }
}

export default tile
