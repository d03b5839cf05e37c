import { checkGramProblem, defineCriterion, PareError, type Solution, type Solver, type WeightProblem, z } from '@pare/core'

/**
 * Masks the elements with the lowest |w| · √(mean x²), then scales what stays of each row to make up for what went: the factor a that makes
 * ‖X w − a · X v‖ least. Put your algorithm here.
 */
export const myPlugin = defineCriterion({
  name: 'my-plugin',
  about: 'Masks the elements with the lowest |w| · √(mean x²), then scales what stays of each row to make up for what went.',
  options: {
    fit: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('how far a row that stays is scaled towards its least-squares fit, from 0, not at all, to 1'),
  },
  create: ({ fit }): Omit<Solver, 'name'> => ({
    kind: 'solver',
    // The mean of the products of each two inputs, measured on calibration data: f64[columns × columns].
    needs: { gram: { at: 'input', reduce: 'gram' } },
    scope: 'tensor',
    solve: async (problem) => solve(problem, fit),
  }),
})

export default myPlugin

function solve(problem: WeightProblem, fit: number): Solution {
  checkGramProblem('my-plugin', problem)
  const { id, pattern, weight } = problem
  if (pattern.kind !== 'free')
    throw new PareError(`my-plugin: '${id}' is to be masked by the pattern ${pattern.kind}; single elements were expected.`, {
      hint: 'leave --structure out, or choose alps, which takes patterns.',
    })
  const masked = maskedOf(problem)
  return { weight: scaled(weight, masked, { problem, fit }), notes: [] }
}

/** f32[rows × columns]: zero where the lowest are, as many as are to go. Ties go in order of position. */
function maskedOf({ weight, columns, stats, zeros }: WeightProblem): Float32Array {
  const gram = stats.gram!
  const score = (i: number) => {
    const column = i % columns
    return Math.abs(weight[i]!) * Math.sqrt(gram[column * columns + column]!)
  }
  const going = [...weight.keys()].sort((a, b) => score(a) - score(b) || a - b).slice(0, zeros)
  const masked = weight.slice()
  for (const i of going) masked[i] = 0
  return masked
}

/** Each row of the masked weight times the factor that brings its output nearest to what it was. */
function scaled(
  weight: Float32Array,
  masked: Float32Array,
  { problem, fit }: { readonly problem: WeightProblem; readonly fit: number },
): Float32Array {
  const { rows, columns, stats } = problem
  const result = masked.slice()
  for (let row = 0; row < rows; row++) {
    const [whole, left] = [weight, masked].map((values) => values.subarray(row * columns, (row + 1) * columns)) as [
      Float32Array,
      Float32Array,
    ]
    // a = (vᵀ G w) ÷ (vᵀ G v)
    const factor = product(left, whole, stats.gram!) / product(left, left, stats.gram!)
    if (!(factor > 0)) continue
    const own = 1 + fit * (factor - 1)
    for (let column = 0; column < columns; column++) result[row * columns + column]! *= own
  }
  return result
}

/** aᵀ G b */
function product(a: Float32Array, b: Float32Array, gram: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) {
    if (a[i] === 0) continue
    for (let j = 0; j < b.length; j++) sum += a[i]! * gram[i * a.length + j]! * b[j]!
  }
  return sum
}
