import { meanOfDiagonal } from '@pare/linear-algebra'

/**
 * The Gram matrix of a layer's inputs, damped and scaled so that its diagonal is 1: with H = G + λI and s = √(diag H ÷ its mean), H[i, j] ÷ (sᵢ·sⱼ) ÷ mean.
 * Weights times s are in its units, so that neither the size of the data nor that of one input matters.
 */
export interface Normal {
  /** f32[columns × columns]. */
  readonly matrix: Float32Array
  /** f64[columns]: s. */
  readonly scale: Float64Array
  /** By penalty: f32[stride × stride] inverses of matrix + penalty · I, as they were made, undefined where there is none. Filled as they are needed. */
  readonly inverses: Map<number, Float32Array | undefined>
}

export function normalOf(gram: Float64Array, columns: number, damping: number): Normal {
  const mean = meanOfDiagonal(gram, columns) || 1
  const diagonal = Float64Array.from({ length: columns }, (_, j) => {
    const own = gram[j * columns + j]! / mean
    return own > 0 ? own + damping : DEAD
  })
  const scale = diagonal.map(Math.sqrt)
  const matrix = new Float32Array(columns * columns)
  for (let i = 0; i < columns; i++) {
    const row = i * columns
    for (let j = 0; j < columns; j++) matrix[row + j] = gram[row + j]! / mean / (scale[i]! * scale[j]!)
    matrix[row + i] = 1
  }
  return { matrix, scale, inverses: new Map() }
}

/** An input that is always zero costs nothing to lose: so small is its share of the mean of the diagonal, so that it goes first, by |w|. */
const DEAD = 1e-12
