import {
  type AxisSizes,
  countMacs,
  countParameters,
  type Layer,
  layersOf,
  macCount,
  type PlanOutcome,
  type PlanStep,
  sparsityOf,
  totalMacs,
} from '@pare/core'
import { elementCount, type Model, type ModelFile, withTensors } from '@pare/onnx'

export interface GroupFacts {
  readonly id: string
  readonly structure: string
  readonly units: number
  /** Units that are zero or gone afterwards, those that were zero before included: removed ÷ units is the sparsity or ratio. */
  readonly removed: number
}

export interface SparsityFacts {
  readonly before: number
  readonly after: number
  /** What was asked for, where one number says it. */
  readonly target?: number
  /** Over all parameters, afterwards. */
  readonly model: number
}

/** What a plan does to a model, in the numbers that reports give. */
export interface PlanFacts {
  readonly layers: readonly Layer[]
  /** Masked and cut. */
  readonly groups: readonly GroupFacts[]
  /** Those of them whose units are gone. */
  readonly cut: readonly GroupFacts[]
  /** Groups whose units changed places. */
  readonly permuted: number
  /** Over the eligible weights. */
  readonly sparsity: SparsityFacts
  /** Elements of all floating-point tensors; nonzero: afterwards. */
  readonly parameters: { readonly before: number; readonly after: number; readonly nonzero: number }
  /** Of products with weights, for one sample at `sizes`, those of all axes that the model leaves open; zeros count. Null where a shape does not follow from the model. */
  readonly macs: { readonly before: number; readonly after: number; readonly sizes: AxisSizes } | null
}

export interface PlannedChange {
  readonly model: Model
  readonly pruned: Model
  readonly planned: PlanOutcome
  /** Whether weights that no step masked have changed too. Default: false */
  readonly retrained?: boolean
  /** At which MACs are counted, where that is said. Default: usual ones */
  readonly sizes?: AxisSizes
}

/** What `planned` makes of `model`: `pruned`. */
export async function factsOf({ model, pruned, planned, retrained = false, sizes }: PlannedChange): Promise<PlanFacts> {
  const { steps } = planned
  const counted = await macCount(model, sizes)
  const before = totalMacs(counted)
  const after = before === null ? null : await countMacs(pruned, counted.sizes)
  const layers = layersOf(pruned, steps)
  const cut = cutGroups(steps)
  const { elements, zeros } = await countParameters(model, steps)
  // What is cut changes the number of parameters, and which of them are zero: the smaller model is counted itself.
  const rest =
    retrained || steps.some(({ kind }) => kind === 'cut')
      ? await countParameters(pruned)
      : { elements, zeros: { before: zeros.after } }
  const share = elements === 0 ? 0 : rest.zeros.before / rest.elements
  return {
    layers,
    groups: [...maskedGroups(steps, planned.groups), ...cut],
    cut,
    permuted: steps.reduce((sum, step) => sum + (step.kind === 'permute' ? step.groups.length : 0), 0),
    sparsity: { ...sparsityOf(layers), ...targetOf(steps), model: share },
    parameters: { before: elements, after: rest.elements, nonzero: rest.elements - rest.zeros.before },
    macs: before === null || after === null ? null : { before, after, sizes: counted.sizes },
  }
}

/** Bytes of a model's own file and of its external data. */
export function bytesOf({ model, bytes }: ModelFile): number {
  let external = 0
  withTensors(model, (tensor) => {
    if (tensor.storage === 'external') external += tensor.data.byteLength
    return tensor
  })
  return bytes + external
}

function maskedGroups(steps: readonly PlanStep[], groups: PlanOutcome['groups']): readonly GroupFacts[] {
  const masked = new Map(
    steps.flatMap((step) =>
      step.kind === 'mask' ? step.weights.map(({ id, masked }) => [`${step.structure}\n${id}`, masked] as const) : [],
    ),
  )
  const facts = groups.flatMap((group) => {
    const { id, structure } = group
    const removed = group.kind === 'mask' ? masked.get(`${structure}\n${group.weight.id}`) : undefined
    return group.kind !== 'mask' || removed === undefined
      ? []
      : [{ id, structure, units: elementCount(group.weight.tensor.shape), removed }]
  })
  return [...new Map(facts.map((fact) => [`${fact.structure}\n${fact.id}`, fact])).values()]
}

/** What later steps remove is added to what earlier ones did. */
function cutGroups(steps: readonly PlanStep[]): readonly GroupFacts[] {
  const facts = new Map<string, GroupFacts>()
  for (const step of steps) {
    if (step.kind !== 'cut') continue
    const { structure } = step
    for (const { id, units, removed } of step.groups) {
      const key = `${structure}\n${id}`
      const before = facts.get(key) ?? { id, structure, units, removed: 0 }
      facts.set(key, { ...before, removed: before.removed + removed.length })
    }
  }
  return [...facts.values()]
}

function targetOf(steps: readonly PlanStep[]): { target?: number } {
  const prunings = steps.filter((each) => each.kind === 'mask' || each.kind === 'cut')
  const [step] = prunings.slice(-1)
  // Stages of a schedule are one step, taken again and again.
  const isOne = prunings.every(
    ({ kind, structure, criterion }) => kind === 'mask' && structure === step?.structure && criterion === step.criterion,
  )
  return step?.target !== undefined && isOne && 'sparsity' in step.target ? { target: step.target.sparsity } : {}
}
