import { elementCount, type Model, PareError, present, sha256 } from '@pare/onnx'
import { applyStep } from '../apply/apply.js'
import { noBits, packBits, setBit } from '../apply/mask-bits.js'
import type { UpdatedTensor, UpdateStep } from '../apply/update.js'
import { matricesPayload, readMatrices } from '../backend/matrix.js'
import type { SpreadStatistic } from '../calibrate/spread.js'
import { stagesOf } from '../calibrate/stages.js'
import { statisticsFor } from '../calibrate/statistics.js'
import type { Pattern, Scope, Solver, Weight } from '../contract/contract.js'
import { needsFloats } from '../contract/needs-floats.js'
import { sharesWithoutData } from '../select/shares.js'
import type { MaskedWeight, MaskStep, PlanOptions, PruneStep } from './plan.js'

export interface SolveRequest {
  readonly step: PruneStep & { readonly target: { readonly sparsity: number }; readonly criterion: Solver }
  readonly weights: readonly Weight[]
  /** Of all of them. */
  readonly pattern: Pattern
  readonly model: Model
}

/**
 * Has a solver choose what goes and change what stays: a mask, and the weights that come with it. Block by block unless told otherwise, since what a
 * solver makes up for depends on what the blocks before let through.
 */
export async function planSolve(request: SolveRequest, options: PlanOptions): Promise<readonly [MaskStep, UpdateStep]> {
  const { step, weights, model } = request
  const { criterion, target, structure } = step
  const scope = step.scope ?? criterion.scope ?? 'tensor'
  for (const { id, quantised } of weights)
    if (quantised !== undefined) throw needsFloats(`solver '${criterion.name}' cannot change '${id}'`, quantised)
  const counts = countsOf(weights, step)
  const stages = step.sequential === false ? [[...weights]] : await stagesOf(model, weights)
  const head = { kind: 'mask', structure: structure.name, criterion: criterion.name, scope, target } as const
  const mask: MaskStep = { ...head, saliency: { op: 'abs', of: { op: 'weight' } }, precision: 'f32', weights: [] }
  const update: UpdateStep = { kind: 'update', by: criterion.name, tensors: [], notes: [] }
  let current = model
  let [masked, updated] = [mask, update]
  let done = 0
  for (const stage of stages) {
    const statistics = (await statisticsFor(criterion, { model: current, weights: stage }, options))!
    const [entries, tensors, notes]: [MaskedWeight[], UpdatedTensor[], string[]] = [[], [], []]
    for (const weight of stage) {
      options.signal?.throwIfAborted()
      const solved = await solveOne(weight, {
        ...{ request, scope, stats: statistics.of(weight), zeros: counts.get(weight.id)! },
        ...options,
      })
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
  readonly request: SolveRequest
  readonly scope: Scope
  readonly stats: Readonly<Record<string, SpreadStatistic>>
  /** Elements that shall be zero. */
  readonly zeros: number
  readonly signal?: AbortSignal
}

async function solveOne({ id, tensor, rows }: Weight, { request, scope, stats, zeros, signal }: SolveInputs) {
  const { criterion } = request.step
  const groups = groupsOf(id, { criterion, stats, columns: rows.before * rows.after })
  const before = await readMatrices(tensor, rows, groups)
  const elements = elementCount(tensor.shape)
  const existing = before.parts.reduce((sum, part) => sum + part.reduce((n, w) => n + Number(w === 0), 0), 0)
  const solutions = []
  for (const [g, weight] of before.parts.entries()) {
    const own = Math.floor(((g + 1) * zeros) / groups) - Math.floor((g * zeros) / groups)
    const felt = feltBy(request.step, id)?.subarray(g * before.rows, (g + 1) * before.rows)
    const problem = { id, weight, rows: before.rows, columns: before.columns, pattern: request.pattern, zeros: own, scope }
    solutions.push(await criterion.solve({ ...problem, stats: partOf(stats, g, groups), ...present({ signal, felt }) }))
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

const feltBy = ({ allocation }: SolveRequest['step'], id: string) =>
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
