import { PareError, type WeightProblem } from '@pare/core'
import { firstNotFinite } from '@pare/linear-algebra'

/** Refuses what cannot be solved, before anything is computed. */
export function checkProblem({ id, weight, rows, columns, stats, pattern, zeros, scope }: WeightProblem): void {
  const gram = stats.gram
  if (weight.length !== rows * columns || gram?.length !== columns * columns)
    throw new Error(
      `sparsegpt: '${id}' is ${rows} × ${columns}, with ${weight.length} weights and a Gram matrix of ${gram?.length}`,
    )
  if (!(Number.isInteger(zeros) && zeros >= 0 && zeros <= weight.length))
    throw new Error(`sparsegpt: '${id}' cannot have ${zeros} zeros`)
  if (pattern.kind === 'tile')
    throw new PareError(
      `sparsegpt: '${id}' is to lose tiles of ${pattern.rows} × ${pattern.columns}; single elements or N:M were expected.`,
      {
        hint: 'choose the structure element or nm, or for tiles a criterion such as wanda.',
      },
    )
  if (scope !== 'row' && scope !== 'tensor')
    throw new PareError(`sparsegpt: '${id}' is to be ranked with scope ${scope}; row or tensor was expected.`, {
      hint: 'a solver sees one weight at a time: set scope to tensor.',
    })
  checkFinite(id, 'weight', weight, columns)
  checkFinite(id, 'Gram matrix', gram, columns)
}

function checkFinite(id: string, name: string, values: Float32Array | Float64Array, columns: number): void {
  const at = firstNotFinite(values)
  if (at < 0) return
  const place = `row ${Math.floor(at / columns)}, column ${at % columns}`
  throw new PareError(`sparsegpt: the ${name} of '${id}' is ${values[at]} in ${place}; finite numbers were expected.`, {
    hint: 'look for NaN, infinities or huge values in the model and the calibration data, or leave the layer out with exclude.',
  })
}
