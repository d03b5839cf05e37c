import { firstNotFinite } from '@pare/linear-algebra'
import { PareError } from '@pare/onnx'
import type { WeightProblem } from './contract.js'

/** Refuses a problem that no solver over the Gram matrix of its inputs (`stats.gram`) can take, before anything is computed. */
export function checkGramProblem(solver: string, { id, weight, rows, columns, stats, zeros, scope }: WeightProblem): void {
  const gram = stats.gram
  if (weight.length !== rows * columns || gram?.length !== columns * columns)
    throw new Error(
      `${solver}: '${id}' is ${rows} × ${columns}, with ${weight.length} weights and a Gram matrix of ${gram?.length}`,
    )
  if (!(Number.isInteger(zeros) && zeros >= 0 && zeros <= weight.length))
    throw new Error(`${solver}: '${id}' cannot have ${zeros} zeros`)
  if (scope !== 'row' && scope !== 'tensor')
    throw new PareError(`${solver}: '${id}' is to be ranked with scope ${scope}; row or tensor was expected.`, {
      hint: 'a solver sees one weight at a time: set scope to tensor.',
    })
  for (const [name, values] of [['weight', weight] as const, ['Gram matrix', gram] as const]) {
    const at = firstNotFinite(values)
    if (at < 0) continue
    const place = `row ${Math.floor(at / columns)}, column ${at % columns}`
    throw new PareError(`${solver}: the ${name} of '${id}' is ${values[at]} in ${place}; finite numbers were expected.`, {
      hint: 'look for NaN, infinities or huge values in the model and the calibration data, or leave the layer out with exclude.',
    })
  }
}
