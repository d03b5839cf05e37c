import { defineStructure, type OptionsOf, z } from '@pare/core'

export type TileOptions = OptionsOf<typeof tile>

/** Blocks of rows × columns of a weight as a matrix (a row for each output) are kept or masked as a whole. Those at the edges are smaller where they do not divide. */
export const tile = defineStructure({
  name: 'tile',
  about: 'Blocks of rows × columns of a weight as a matrix (a row for each output) are kept or masked as a whole.',
  options: {
    rows: z.int().min(1).default(1).describe('outputs of a tile'),
    columns: z
      .int()
      .min(1)
      .default(4)
      .describe(
        'inputs of a tile: what the weight sums over, for a Conv input channels and, within each, positions of the kernel',
      ),
  },
  create: ({ rows, columns }) => ({
    pattern: 'tile',
    find: ({ weights }) => ({
      groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'tile', rows, columns } })),
      declined: [],
    }),
  }),
})

export default tile
