import { elementCount, type Model, PareError, present, sha256 } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import { applyStep } from '../apply/apply.js'
import { noBits, packBits, setBit } from '../apply/mask-bits.js'
import type { UpdatedTensor, UpdateStep } from '../apply/update.js'
import { matricesPayload, readMatrices } from '../backend/matrix.js'
import type { SpreadStatistic } from '../calibrate/spread.js'
import { openStages, stagesOf } from '../calibrate/stages.js'
import { statisticsFor } from '../calibrate/statistics/statistics.js'
import type { CommonPattern, RoundingGrid, Scope, Solver, Weight } from '../contract/contract.js'
import { needsFloats } from '../contract/needs-floats.js'
import { sharesWithoutData } from '../select/shares.js'
import type { MaskedWeight, MaskStep, PlanOptions, PruneStep } from './plan.js'

export interface SolveRequest {
  readonly step: PruneStep & { readonly target: { readonly sparsity: number }; readonly criterion: Solver }
  readonly weights: readonly Weight[]
  /** Of all of them. */
  readonly pattern: CommonPattern
  readonly model: Model
}

/**
 * Has a solver choose what goes and change what stays: a mask, and the weights that come with it. Block by block unless told otherwise, since what a
 * solver makes up for depends on what the blocks before let through.
 */
export async function planSolve(request: SolveRequest, options: PlanOptions): Promise<readonly [MaskStep, UpdateStep]> {
  const { step, weights } = request
  const { criterion, target, structure } = step
  const scope = step.scope ?? criterion.scope ?? 'tensor'
  const counts = countsOf(weights, step)
  const head = { kind: 'mask', structure: structure.name, criterion: criterion.name, scope, target } as const
  const mask: MaskStep = { ...head, saliency: { op: 'abs', of: { op: 'weight' } }, precision: 'f32', weights: [] }
  return solveStages({ ...request, solver: criterion, scope, mask, zerosOf: ({ id }) => counts.get(id)! }, options)
}

export interface RefitRequest extends Omit<SolveRequest, 'step'> {
  readonly step: Omit<PruneStep, 'criterion'>
  readonly solver: Solver
  /** What goes: decided already. */
  readonly mask: MaskStep
}

/** Has a solver change what stays of the weights of a mask to make up for what goes, block by block unless told otherwise. */
export async function planRefit(request: RefitRequest, options: PlanOptions): Promise<readonly [MaskStep, UpdateStep]> {
  const { mask, model } = request
  const masked = new Map(weightsOf(await applyStep(model, mask, options)).map((weight) => [weight.id, weight]))
  const counts = new Map(mask.weights.map(({ id, masked: zeros }) => [id, zeros]))
  const weights = request.weights.filter(({ id }) => counts.has(id))
  // Which rows were ranked together does not matter any more.
  const scope = mask.scope === 'row' ? 'row' : 'tensor'
  return solveStages(
    { ...request, weights, scope, zerosOf: ({ id }) => counts.get(id)!, maskedOf: ({ id }) => masked.get(id)! },
    options,
  )
}

export interface StagesRequest extends Omit<SolveRequest, 'step'> {
  readonly step: Omit<PruneStep, 'criterion'>
  readonly solver: Solver
  readonly scope: Scope
  /** What the mask is called in the plan: its weights are those that come out. */
  readonly mask: MaskStep
  /** How many elements of a weight shall be zero. */
  zerosOf(weight: Weight): number
  /** A weight with its mask, where that is decided already. */
  maskedOf?(weight: Weight): Weight
  /** What its elements are rounded to, where they are. */
  gridOf?(weight: Weight): RoundingGrid
  /** A weight whose outputs are to be met instead of its own. */
  targetOf?(weight: Weight): Weight | undefined
}

/** Solves stage after stage, each on what the ones before leave. */
export async function solveStages(request: StagesRequest, options: PlanOptions): Promise<readonly [MaskStep, UpdateStep]> {
  const { step, weights, model, solver, mask } = request
  for (const { id, quantised } of weights)
    if (quantised !== undefined) throw needsFloats(`solver '${solver.name}' cannot change '${id}'`, quantised)
  const stages = step.sequential === false ? [weights] : await stagesOf(model, weights)
  await using runs = await openStages({ model, stages, needs: solver.needs }, options)
  const update: UpdateStep = { kind: 'update', by: solver.name, tensors: [], notes: [] }
  let current = model
  let [masked, updated] = [{ ...mask, weights: [] as readonly MaskedWeight[] }, update]
  let done = 0
  for (const { weights: stage, source } of runs.all) {
    const statistics = (await statisticsFor(solver, { model: current, weights: stage }, source))!
    const [entries, tensors, notes]: [MaskedWeight[], UpdatedTensor[], string[]] = [[], [], []]
    for (const weight of stage) {
      options.signal?.throwIfAborted()
      const solved = await solveOne(weight, { request, stats: statistics.of(weight), ...present({ signal: options.signal }) })
      entries.push(solved.entry)
      tensors.push(solved.tensor)
      notes.push(...solved.notes)
      options.onProgress?.({ done: ++done, total: weights.length })
    }
    current = await applyStep(current, { ...update, tensors }, options)
    masked = { ...masked, weights: [...masked.weights, ...entries] }
    updated = { ...updated, tensors: [...updated.tensors, ...tensors], notes: [...updated.notes, ...notes] }
  }
  return [masked, updated]
}

interface SolveInputs {
  readonly request: StagesRequest
  readonly stats: Readonly<Record<string, SpreadStatistic>>
  readonly signal?: AbortSignal
}

async function solveOne(weight: Weight, { request, stats, signal }: SolveInputs) {
  const { id, tensor, rows } = weight
  const { solver, step, pattern } = request
  const groups = groupsOf(id, { criterion: solver, stats, columns: rows.before * rows.after })
  const before = await readMatrices(tensor, rows, groups)
  const decided = request.maskedOf && (await readMatrices(request.maskedOf(weight).tensor, rows, groups))
  const whole = request.targetOf?.(weight)
  const wanted = whole && (await readMatrices(whole.tensor, rows, groups))
  const zeros = request.zerosOf(weight)
  const elements = elementCount(tensor.shape)
  const existing = before.parts.reduce((sum, part) => sum + part.reduce((n, w) => n + Number(w === 0), 0), 0)
  const solutions = []
  for (const [g, values] of before.parts.entries()) {
    const own = Math.floor(((g + 1) * zeros) / groups) - Math.floor((g * zeros) / groups)
    const felt = feltBy(step, id)?.subarray(g * before.rows, (g + 1) * before.rows)
    const kept = decided && Uint8Array.from(decided.parts[g]!, (w) => (w === 0 ? 0 : 1))
    const shape = { id, weight: values, rows: before.rows, columns: before.columns }
    const problem = { ...shape, pattern, zeros: own, scope: request.scope, stats: partOf(stats, g, groups) }
    const grid = request.gridOf?.(weight)
    const target = wanted?.parts[g]
    solutions.push(await solver.solve({ ...problem, ...present({ signal, felt, kept, grid, target }) }))
  }
  const { floats, data } = matricesPayload(tensor, rows, { ...before, parts: solutions.map(({ weight }) => weight) })
  const bits = noBits(elements)
  let masked = 0
  for (let i = 0; i < elements; i++) {
    if (floats[i] !== 0) continue
    setBit(bits, i)
    masked++
  }
  const updated: UpdatedTensor = { id, type: tensor.type, shape: tensor.shape, sha256: await sha256(data), data }
  const entry: MaskedWeight = { id, elements, zeros: existing, masked, rule: packBits(bits) }
  return { entry, tensor: updated, notes: solutions.flatMap(({ notes }) => notes.map((note) => `${id}: ${note}`)) }
}

const feltBy = ({ allocation }: Pick<PruneStep, 'allocation'>, id: string) =>
  typeof allocation === 'object' && 'counts' in allocation ? allocation.felt?.[id] : undefined

/** How many elements of each weight shall be zero. */
function countsOf(
  weights: readonly Weight[],
  { target: { sparsity }, allocation = 'uniform' }: SolveRequest['step'],
): ReadonlyMap<string, number> {
  const layers = weights.map(({ id, tensor: { shape } }) => ({ id, elements: elementCount(shape), axes: shape }))
  const counts = sharesWithoutData(layers, sparsity, allocation)!
  return new Map(layers.map(({ id }, i) => [id, counts[i]!]))
}

/** Independent problems: as many Gram matrices as were measured. */
function groupsOf(
  id: string,
  { criterion, stats, columns }: { criterion: Solver; stats: SolveInputs['stats']; columns: number },
): number {
  const counts = Object.entries(criterion.needs).map(
    ([key, { reduce }]) => stats[key]!.values.length / (reduce === 'gram' ? columns ** 2 : columns),
  )
  const groups = counts[0] ?? 1
  if (Number.isInteger(groups) && groups >= 1 && counts.every((count) => count === groups)) return groups
  throw new PareError(
    `solver '${criterion.name}' cannot judge '${id}': what it is multiplied with is not measured column by column.`,
    {
      hint: `leave it out with --exclude '${id}'.`,
    },
  )
}

function partOf(stats: SolveInputs['stats'], g: number, groups: number): Record<string, Float64Array> {
  return Object.fromEntries(
    Object.entries(stats).map(([key, { values }]) => {
      const size = values.length / groups
      return [key, groups === 1 ? values : values.subarray(g * size, (g + 1) * size)]
    }),
  )
}
