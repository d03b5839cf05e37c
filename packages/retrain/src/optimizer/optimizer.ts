import { PareError } from '@pare/onnx'
import { AREAS, type Area, type Arena, SUM } from './arena.js'
import { optimizerLoops } from './optimizer-loops.js'

/** How weights follow their gradients. */
export type OptimizerOptions = AdamWOptions | SgdOptions

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101). */
export interface AdamWOptions {
  readonly name: 'adamw'
  /** Default: 0.9 */
  readonly beta1?: number
  /** Default: 0.999 */
  readonly beta2?: number
  /** Default: 1e-8 */
  readonly epsilon?: number
  /** w −= learningRate · weightDecay · w, for tensors with two axes or more. Default: 0.01 */
  readonly weightDecay?: number
}

/** Gradient descent with momentum. */
export interface SgdOptions {
  readonly name: 'sgd'
  /** Default: 0.9 */
  readonly momentum?: number
  /** Looks ahead along the momentum. Default: true */
  readonly nesterov?: boolean
  /** Added to the gradient: weightDecay · w, for tensors with two axes or more. Default: 0.0001 */
  readonly weightDecay?: number
}

/** Changes the weights of an arena in place. */
export interface Optimizer {
  /** √Σ g² over all gradients of weights that are kept. NaN or infinite where one of them is. */
  gradientNorm(): number
  /** Puts gradients aside, to be added to those that come next. */
  accumulate(): void
  /** Adds what was put aside to the gradients. */
  collect(): void
  /** The update number `count`, from 1 on, by gradients · `scale`. What the mask leaves out is zero afterwards, in what the optimiser keeps too. */
  update(settings: { readonly count: number; readonly learningRate: number; readonly scale: number }): void
}

/** What the optimiser needs room for. */
export function areasOf(
  { name }: OptimizerOptions,
  { accumulates, movement = false }: { readonly accumulates: boolean; readonly movement?: boolean },
): Area[] {
  const areas = new Set<Area>(['weights', 'gradients', 'first', ...(name === 'adamw' ? (['second'] as const) : [])])
  if (accumulates) areas.add('sums')
  if (movement) for (const area of ['scores', 'hidden'] as const) areas.add(area)
  return AREAS.filter((area) => areas.has(area))
}

export function openOptimizer(options: OptimizerOptions, arena: Arena): Optimizer {
  const loops = optimizerLoops(arena)
  const sum = new Float64Array(arena.memory.buffer, SUM, 2)
  const all = [0, 4 * arena.elements] as const
  const stretches = stretchesOf(arena)
  const step = stepOf(options)
  return {
    gradientNorm() {
      sum.fill(0)
      loops.squares(...all)
      return Math.sqrt(sum[0]! + sum[1]!)
    },
    accumulate: () => loops.accumulate(...all),
    collect: () => loops.collect(...all),
    update(settings) {
      for (const { begin, end, decays } of stretches) step(loops, [begin, end], { ...settings, decays })
    },
  }
}

type Step = (
  loops: ReturnType<typeof optimizerLoops>,
  range: readonly [begin: number, end: number],
  settings: { readonly count: number; readonly learningRate: number; readonly scale: number; readonly decays: boolean },
) => void

function stepOf(options: OptimizerOptions): Step {
  switch (options.name) {
    case 'adamw': {
      const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options
      return (loops, range, { count, learningRate, scale, decays }) => {
        const keep = decays ? 1 - learningRate * weightDecay : 1
        // m̂ = first ÷ (1 − β₁ᵗ), v̂ = second ÷ (1 − β₂ᵗ)
        const rate = learningRate / (1 - beta1 ** count)
        const root = 1 / Math.sqrt(1 - beta2 ** count)
        loops.adamw(...range, scale, beta1, 1 - beta1, beta2, 1 - beta2, keep, rate, root, epsilon)
      }
    }
    case 'sgd': {
      const { momentum = 0.9, nesterov = true, weightDecay = 1e-4 } = options
      const [ofGradient, ofMomentum] = nesterov ? [1, momentum] : [0, 1]
      return (loops, range, { learningRate, scale, decays }) =>
        loops.sgd(...range, scale, decays ? weightDecay : 0, momentum, ofGradient, ofMomentum, learningRate)
    }
    default:
      return options satisfies never
  }
}

/** Neighbours that are treated alike go through the loops together. */
function stretchesOf({ tensors, elements }: Arena): { begin: number; end: number; decays: boolean }[] {
  const stretches: { begin: number; end: number; decays: boolean }[] = []
  for (const [i, { first, decays }] of tensors.entries()) {
    const end = 4 * (tensors[i + 1]?.first ?? elements)
    const last = stretches.at(-1)
    if (end === 4 * first) continue
    if (last?.decays === decays) last.end = end
    else stretches.push({ begin: 4 * first, end, decays })
  }
  return stretches
}

/** Throws PareError with everything that is not a number an optimiser can work with. */
export function checkOptimizer(options: OptimizerOptions): void {
  const { name, weightDecay = 0 } = options
  const wrong: string[] = []
  const share = (what: string, value: number) => {
    if (!(value >= 0 && value < 1)) wrong.push(`${what} is ${value}, expected a number from 0 up to 1`)
  }
  if (name !== 'adamw' && name !== 'sgd') wrong.push(`there is no optimizer '${String(name)}'`)
  if (!(weightDecay >= 0)) wrong.push(`weightDecay is ${weightDecay}, expected a number from 0 on`)
  if (name === 'sgd') share('momentum', options.momentum ?? 0)
  if (name === 'adamw') {
    share('beta1', options.beta1 ?? 0)
    share('beta2', options.beta2 ?? 0)
    if (!((options.epsilon ?? 1) > 0)) wrong.push(`epsilon is ${options.epsilon}, expected a number above 0`)
  }
  if (wrong.length === 0) return
  throw new PareError(`retrain: ${wrong.join('; ')}.`, {
    hint: "say { name: 'adamw' } or { name: 'sgd', momentum: 0.9 }, or leave the optimizer out.",
  })
}
