import { countMacs, countParameters, type Layer, layersOf, type Planned, type PlanStep, sparsityOf } from '@pare/core'
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
  readonly groups: readonly GroupFacts[]
  /** Over the eligible weights. */
  readonly sparsity: SparsityFacts
  /** Elements of all floating-point tensors; nonzero: afterwards. */
  readonly parameters: { readonly before: number; readonly after: number; readonly nonzero: number }
  /** Of products with weights, for one sample with all symbolic sizes 1; zeros count. Null where a shape does not follow from the model. */
  readonly macs: { readonly before: number; readonly after: number } | null
}

/** What `planned` makes of `model`: `pruned`. */
export async function factsOf({ model, pruned, planned }: { model: Model; pruned: Model; planned: Planned }): Promise<PlanFacts> {
  const { steps } = planned
  const before = await countMacs(model)
  const after = await countMacs(pruned)
  const layers = layersOf(model, steps)
  const { elements, zeros } = await countParameters(model, steps)
  // What is cut changes the number of parameters, and which of them are zero: the smaller model is counted itself.
  const left = steps.some(({ kind }) => kind === 'cut')
    ? await countParameters(pruned)
    : { elements, zeros: { before: zeros.after } }
  const share = elements === 0 ? 0 : left.zeros.before / left.elements
  return {
    layers,
    groups: groupsOf(planned),
    sparsity: { ...sparsityOf(layers), ...targetOf(steps), model: share },
    parameters: { before: elements, after: left.elements, nonzero: left.elements - left.zeros.before },
    macs: before === null || after === null ? null : { before, after },
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

function groupsOf({ steps, groups }: Planned): readonly GroupFacts[] {
  const removed = new Map(
    steps.flatMap((step) =>
      step.kind === 'mask'
        ? step.weights.map(({ id, masked }) => [`${step.structure}\n${id}`, masked] as const)
        : step.groups.map((group) => [`${step.structure}\n${group.id}`, group.removed.length] as const),
    ),
  )
  const facts = groups.flatMap((group) => {
    const { id, structure } = group
    const count = removed.get(`${structure}\n${group.kind === 'mask' ? group.weight.id : id}`)
    const units = group.kind === 'mask' ? elementCount(group.weight.tensor.shape) : group.units
    return count === undefined ? [] : [{ id, structure, units, removed: count }]
  })
  return [...new Map(facts.map((fact) => [`${fact.structure}\n${fact.id}`, fact])).values()]
}

function targetOf(steps: readonly PlanStep[]): { target?: number } {
  const [step, ...more] = steps
  return step !== undefined && more.length === 0 && 'sparsity' in step.target ? { target: step.target.sparsity } : {}
}
