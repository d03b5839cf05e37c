import { flattened, keptPositions, orderAlong, slicedPayload } from '@pare/axes'
import { elementCount, isFloat, keyOf, type Model, type Payload, type Tensor, usesOf } from '@pare/onnx'
import { ordersOf } from '../permute/apply-permutation.js'
import type { Plan, PlanStep } from '../plan/plan.js'
import { applyStep } from './apply.js'
import { removedUnits } from './removed-units.js'

/** What a plan makes of a constant, for the nodes that it makes the same of it for. */
export interface TracedTensor {
  /** Its name in the flat model. */
  readonly id: string
  /** Names of the nodes that read it. */
  readonly readers: readonly string[]
  readonly before: Tensor
  /** Undefined: the nodes that read it went. */
  readonly after: Tensor | undefined
  /** i32[left] for each axis: the positions of `before` that stay, in their new order. */
  readonly kept: readonly Int32Array[]
  /** The elements of `before` at these positions. */
  readonly sliced: Payload
  /** Whether it lost positions or has them in another order. */
  readonly isCut: boolean
  /** Whether a step gave it other numbers: a mask, or what was computed. */
  readonly isRewritten: boolean
}

export interface TracedPlan {
  /** As `applyPlan` makes it. */
  readonly pruned: Model
  /** Floats with more than one element. */
  readonly tensors: readonly TracedTensor[]
  /** Names of floats that the plan adds where nothing was read before, such as a bias. */
  readonly added: readonly string[]
}

/** Applies a plan, and says of each constant of the model which of its elements stay, and where. The analysis runs once more for each step that cuts. */
export async function tracePlan(model: Model, { seed, steps }: Pick<Plan, 'seed' | 'steps'>): Promise<TracedPlan> {
  const slots = new Map([...constantsRead(model)].map(([key, read]) => [key, slotOf(read)]))
  let current = model
  for (const step of steps) {
    const next = await applyStep(current, step, { seed })
    const [moved, before, after] = [await positionsBy(current, step), constantsRead(current), constantsRead(next)]
    for (const [key, slot] of slots) {
      const positions = moved?.get(key)
      if (positions !== undefined) slot.kept = positions.map((own, axis) => own.map((at) => slot.kept[axis]![at]!))
      if (moved === undefined && before.get(key)?.tensor.data !== after.get(key)?.tensor.data) slot.isRewritten = true
    }
    current = next
  }
  const left = constantsLeft(slots, constantsRead(current))
  const added = [...left].filter(([key]) => !slots.has(key)).map(([, { name }]) => name)
  return { pruned: current, tensors: grouped(slots, left), added: [...new Set(added)] }
}

/** By the inputs that read them in the beginning: where a sum goes from a normalisation fused with it, the inputs behind it move up. */
function constantsLeft(slots: ReadonlyMap<string, Slot>, read: ReadonlyMap<string, ReadConstant>) {
  const left = new Map(read)
  for (const [key, { node, name }] of slots) {
    if (read.has(key)) continue
    const [moved, constant] =
      [...read].find(([other, each]) => each.node === node && each.name === name && !slots.has(other)) ?? []
    if (moved === undefined) continue
    left.delete(moved)
    left.set(key, constant!)
  }
  return left
}

/** A constant, as one input of one node reads it. */
interface ReadConstant {
  readonly name: string
  readonly tensor: Tensor
  /** What the node that reads it is called by in its graph, and its name. */
  readonly node: string
  readonly reader: string
}

/** Floats with more than one element, by the node and the input that reads them. */
function constantsRead(model: Model): ReadonlyMap<string, ReadConstant> {
  const { graph } = flattened(model).model
  const { constants } = usesOf(graph)
  const read = new Map<string, ReadConstant>()
  for (const node of graph.nodes) {
    for (const [input, name] of node.inputs.entries()) {
      const tensor = constants.get(name)
      if (tensor !== undefined && isFloat(tensor.type) && elementCount(tensor.shape) > 1)
        read.set(slotKey(keyOf(node), input), { name, tensor, node: keyOf(node), reader: node.name })
    }
  }
  return read
}

const slotKey = (node: string, input: number) => `${input} ${node}`

interface Slot extends ReadConstant {
  kept: readonly Int32Array[]
  isRewritten: boolean
}

function slotOf(read: ReadConstant): Slot {
  return { ...read, kept: read.tensor.shape.map(everyPosition), isRewritten: false }
}

const everyPosition = (size: number) => Int32Array.from({ length: size }, (_, i) => i)

/** Where elements come from, by the node and the input that reads them. Undefined: the step moves none. */
async function positionsBy(model: Model, step: PlanStep): Promise<ReadonlyMap<string, readonly Int32Array[]> | undefined> {
  if (step.kind !== 'cut' && step.kind !== 'permute') return undefined
  const along = step.kind === 'cut' ? await keptAlong(model, step) : await orderedAlong(model, step)
  return new Map(
    along.constants.flatMap(({ axes, readers }) => {
      const positions = axes.map(along.positions)
      return readers.map(({ node, input }) => [slotKey(keyOf(node), input), positions] as const)
    }),
  )
}

async function keptAlong(model: Model, step: PlanStep & { kind: 'cut' }) {
  const { dependencies, removals } = await removedUnits(model, step)
  const positions = (axis: Parameters<typeof keptPositions>[0]) => keptPositions(axis, removals)
  return { constants: dependencies.constants, positions }
}

async function orderedAlong(model: Model, step: PlanStep & { kind: 'permute' }) {
  const { dependencies, orders } = await ordersOf(model, step)
  const positions = (axis: Parameters<typeof orderAlong>[0]) => orderAlong(axis, orders)
  return { constants: dependencies.constants, positions }
}

function grouped(slots: ReadonlyMap<string, Slot>, left: ReadonlyMap<string, ReadConstant>): readonly TracedTensor[] {
  const groups = new Map<string, { slots: Slot[]; after: Tensor | undefined }>()
  const readers = new Map<string, number>()
  for (const { name } of slots.values()) readers.set(name, (readers.get(name) ?? 0) + 1)
  for (const [key, slot] of slots) {
    const after = left.get(key)
    const positions = readers.get(slot.name) === 1 ? '' : slot.kept.join(';')
    const group = JSON.stringify([slot.name, after?.name, positions])
    const same = groups.get(group)
    if (same === undefined) groups.set(group, { slots: [slot], after: after?.tensor })
    else same.slots.push(slot)
  }
  return [...groups.values()].map(({ slots: own, after }) => {
    const [{ name: id, tensor: before, kept, isRewritten }] = own as [Slot]
    const isCut = kept.some((positions, axis) => !isEvery(positions, before.shape[axis]!))
    const sliced = isCut ? slicedPayload(before, kept) : before.data
    return { id, readers: own.map(({ reader }) => reader), before, after, kept, sliced, isCut, isRewritten }
  })
}

function isEvery(positions: Int32Array, size: number): boolean {
  return positions.length === size && positions.every((position, i) => position === i)
}
