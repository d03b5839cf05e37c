import {
  dampingOption,
  defineCriterion,
  type OptionsOf,
  type Solution,
  type Solver,
  threadsOption,
  type WeightProblem,
  z,
} from '@pare/core'
import { checkProblem } from './check.js'
import { factorOfInverse, openRoom } from './inverse.js'
import { keepLargest } from './keep-largest.js'
import type { SparseGptSettings } from './settings.js'
import { update } from './update.js'

export { type GptqOptions, gptq } from './gptq.js'

export type SparsegptOptions = OptionsOf<typeof sparsegpt>

/**
 * SparseGPT (Frantar & Alistarh 2023, arXiv 2301.00774, algorithm 1): column by column, what is removed is made up for by the columns that follow, in the
 * least-squares sense of the calibration data. For f32[rows × columns] columns³ + rows · columns² operations, and 8 bytes for each element of the Gram
 * matrix and of the weight (of the latter at most 1 GiB at a time).
 */
export const sparsegpt = defineCriterion({
  name: 'sparsegpt',
  about:
    'Column by column, what is removed is made up for by the columns that follow, in the least-squares sense of the calibration data (Frantar & Alistarh 2023, arXiv 2301.00774, algorithm 1).',
  options: {
    damping: dampingOption(0.1),
    block: z.int().min(4).multipleOf(4).default(16).describe('columns whose mask is chosen at a time; the paper has 128'),
    threads: threadsOption,
  },
  create: ({ damping, block, threads }): Omit<Solver, 'name'> => ({
    kind: 'solver',
    needs: { gram: { at: 'input', reduce: 'gram' } },
    scope: 'tensor',
    solve: (problem) => solve(problem, { damping, block, threads, elements: GIBIBYTE, fallback: MASKED }),
  }),
})

export default sparsegpt

const MASKED = { zero: 'masked by |w|, without an update', indefinite: 'masked by |w|·√(mean x²), without an update' }

/** In elements of f64. */
const GIBIBYTE = 2 ** 27

async function solve(problem: WeightProblem, settings: SparseGptSettings): Promise<Solution> {
  checkProblem(problem)
  if (problem.pattern.kind === 'free' && problem.zeros === 0) return { weight: problem.weight, notes: [] }
  await using workspace = await openRoom(problem, settings)
  const { factor, notes } = await factorOfInverse(problem, settings, workspace)
  if (!factor) return { weight: keepLargest(problem), notes }
  const weight = await update(problem, settings, factor)
  if (weight) return { weight, notes }
  const note = 'the updated weights exceed f32: masked by |w|·√(mean x²), without an update'
  return { weight: keepLargest(problem), notes: [...notes, note] }
}
