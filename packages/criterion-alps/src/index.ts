import {
  checkGramProblem,
  dampingOption,
  defineCriterion,
  type OptionsOf,
  type Solution,
  type Solver,
  threadsOption,
  type WeightProblem,
  z,
} from '@pare/core'
import { openFloatWorkspace } from '@pare/linear-algebra'
import { alternate } from './alternate.js'
import { type Normal, normalOf } from './normal.js'
import { keepGiven, type OpenProblem, openProblem, weightOf } from './problem.js'
import { projectionOf } from './projection.js'
import { refit } from './refit.js'
import { swap } from './swap.js'

export type AlpsOptions = OptionsOf<typeof alps>

/**
 * ALPS (Meng et al. 2024, arXiv 2406.07831): which weights stay and what they become, found together. Weights W and their pruned version D are drawn
 * towards each other by a penalty that rises (ADMM) until D rests; then what stays is refitted by conjugate gradients. For f32[rows × columns] up to
 * 40 + 20 products of 2 · rows · columns² operations, and up to 8 inverses of 2 · columns³ that weights with the same inputs share.
 */
export const alps = defineCriterion({
  name: 'alps',
  about: 'Which weights stay and what they become, found together on calibration data (Meng et al. 2024, arXiv 2406.07831).',
  options: {
    damping: dampingOption(0.1),
    swaps: z
      .int()
      .min(0)
      .default(0)
      .describe(
        'for masks that are decided already: how often, in each row, a kept weight changes places with one that is not, at most, where that lowers the error',
      ),
    threads: threadsOption,
  },
  create({ damping, swaps, threads }): Omit<Solver, 'name'> {
    const normals = new WeakMap<Float64Array, Normal>()
    return {
      kind: 'solver',
      needs: { gram: { at: 'input', reduce: 'gram' } },
      scope: 'tensor',
      refits: true,
      solve: (problem) => solve(problem, { swaps, threads, normal: shared }),
    }

    /** Weights that read the same input come with the same Gram matrix, and share what is made of it. */
    function shared({ stats, columns }: WeightProblem): Normal {
      const gram = stats.gram!
      const normal = normals.get(gram) ?? normalOf(gram, columns, damping)
      normals.set(gram, normal)
      return normal
    }
  },
})

export default alps

interface Solving {
  readonly swaps: number
  readonly threads: number | undefined
  normal(problem: WeightProblem): Normal
}

async function solve(problem: WeightProblem, { swaps, threads, normal: normalFor }: Solving): Promise<Solution> {
  checkGramProblem('alps', problem)
  const { weight, rows, columns, pattern, zeros } = problem
  if (pattern.kind === 'free' && zeros === 0 && problem.kept === undefined) return { weight, notes: [] }
  const normal = normalFor(problem)
  await using workspace = await openFloatWorkspace({ rows: [rows, rows, rows], columns, factors: 2, threads })
  const opened = openProblem(problem, normal, workspace)
  if (problem.kept !== undefined) keepGiven(opened, problem.kept)
  else if (!(await alternate(opened, projectionOf(problem, opened)))) return maskedBy(opened, weight, NOT_DEFINITE)
  if (problem.kept !== undefined && swaps > 0) await swap(opened, pattern, swaps)
  await refit(opened)
  const solved = weightOf(opened)
  return solved === undefined ? maskedBy(opened, weight, NOT_FINITE) : { weight: solved, notes: [] }
}

const NOT_DEFINITE = 'the Gram matrix is not positive definite: masked by |w|·√(mean x²), without a refit'
const NOT_FINITE = 'the refitted weights exceed f32: masked, without a refit'

const maskedBy = ({ isKept }: OpenProblem, weight: Float32Array, note: string): Solution => ({
  weight: weight.map((w, i) => (isKept(i) ? w : 0)),
  notes: [note],
})
