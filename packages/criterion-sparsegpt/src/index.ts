import { PareError, type Solution, type Solver, type WeightProblem } from '@pare/core'
import { checkProblem } from './check.js'
import { factorOfInverse, openRoom } from './inverse.js'
import { keepLargest } from './keep-largest.js'
import type { SparseGptSettings } from './settings.js'
import { update } from './update.js'

export { type GptqOptions, gptq } from './gptq.js'

export interface SparsegptOptions {
  /** What is added to the diagonal of the Gram matrix, as a fraction of its mean. More is safer, less is closer to the data. The paper has 0.01. Default: 0.1 */
  readonly damping?: number
  /** Columns whose mask is chosen at a time, a multiple of four. The paper has 128. Default: 16 */
  readonly block?: number
  /** Default: one for each core, at most 16, and one for small weights. */
  readonly threads?: number
}

/**
 * SparseGPT (Frantar & Alistarh 2023, arXiv 2301.00774, algorithm 1): column by column, what is removed is made up for by the columns that follow, in the
 * least-squares sense of the calibration data. For f32[rows × columns] columns³ + rows · columns² operations, and 8 bytes for each element of the Gram
 * matrix and of the weight (of the latter at most 1 GiB at a time).
 */
export function sparsegpt({ damping = 0.1, block = 16, threads }: SparsegptOptions = {}): Solver {
  if (!(damping >= 0 && damping <= 1))
    throw new PareError(`sparsegpt: damping is ${damping}; a number from 0 to 1 was expected.`, {
      hint: 'sparsegpt:damping=0.1 is the default.',
    })
  if (!(Number.isInteger(block) && block > 0 && block % 4 === 0))
    throw new PareError(`sparsegpt: block is ${block}; a multiple of four was expected.`, {
      hint: 'sparsegpt:block=16 is the default.',
    })
  return {
    kind: 'solver',
    name: 'sparsegpt',
    needs: { gram: { at: 'input', reduce: 'gram' } },
    scope: 'tensor',
    solve: (problem) => solve(problem, { damping, block, threads, elements: GIBIBYTE, fallback: MASKED }),
  }
}

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
