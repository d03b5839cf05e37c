import { setImmediate } from 'node:timers/promises'
import { loadSquare, type OpenProblem } from './problem.js'

/** Chooses what is kept by the state: sets `kept`. */
export type Projection = () => void

/** The penalty at first, and how it rises. */
const FIRST_PENALTY = 0.1
const RISE = 1.6
const STAGES = 8
const STEPS = 5
/** Less than this share of what is kept has moved within a stage: the choice rests. */
const REST = 1e-3

/**
 * ADMM for min ‖Ŵ − W‖²_H with W = D, D sparse: W = (ŴH + ρ(D − U))(H + ρI)⁻¹, D = the largest of W + U, U += W − D. After some steps ρ rises, U falls as much,
 * until the same weights are kept. W + U is all that is stored: D is that where it is kept, U where it is not. False where H is not positive definite: then
 * what is kept is the largest of Ŵ.
 */
export async function alternate(problem: OpenProblem, project: Projection): Promise<boolean> {
  const { workspace, state, left, inverse, kept, signal, stride } = problem
  project()
  // At first there is no U.
  let carried = 0
  for (let stage = 0; stage < STAGES; stage++) {
    const penalty = FIRST_PENALTY * RISE ** stage
    const square = inverseFor(problem, penalty)
    if (square === undefined) return false
    inverse.load({ data: square, rows: stride, stride })
    const before = kept.slice()
    for (let step = 0; step < STEPS; step++) {
      split(problem, penalty, carried)
      carried = 1
      workspace.addProduct(state, left, inverse)
      project()
      await setImmediate()
      signal?.throwIfAborted()
    }
    if (movedShare(before, kept) < REST) break
    carried = 1 / RISE
  }
  return true
}

/** What is multiplied next, ŴH + ρ(D − U), and U in the place of the state, which the product is added to. */
function split({ state, left, right, kept }: OpenProblem, penalty: number, carried: number): void {
  const [z, t, y] = [state.data, left.data, right.data]
  for (let i = 0; i < z.length; i++) {
    const keep = kept[i]!
    const value = z[i]!
    const dual = value * (1 - keep) * carried
    z[i] = dual
    t[i] = y[i]! + penalty * (value * keep - dual)
  }
}

/** (H + ρI)⁻¹ as f32[stride × stride], made once for all weights that read the same input. Undefined where there is none. */
function inverseFor({ normal, columns, square, workspace }: OpenProblem, penalty: number): Float32Array | undefined {
  const { inverses, matrix } = normal
  if (inverses.has(penalty)) return inverses.get(penalty)
  loadSquare(square, matrix, columns)
  for (let i = 0; i < square.stride; i++) square.data[i * square.stride + i]! += i < columns ? penalty : 1
  const made = workspace.invertSquare() ? square.data.slice() : undefined
  // Of wide layers they would fill the memory.
  if (square.data.length <= MOST_STORED || made === undefined) inverses.set(penalty, made)
  return made
}

/** Elements of an inverse that is stored: 2,048 inputs. */
const MOST_STORED = 2 ** 22

function movedShare(before: Uint8Array, after: Uint8Array): number {
  let moved = 0
  let all = 0
  for (let i = 0; i < after.length; i++) {
    moved += before[i]! ^ after[i]!
    all += after[i]!
  }
  return all === 0 ? 0 : moved / all
}
