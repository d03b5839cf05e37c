import type { Model } from '@pare/onnx'
import { isFloat, operatorName, present } from '@pare/onnx'
import { elementAxes } from '../quantised/element-axes.js'
import { type QuantisedTensor, quantisationOf } from '../quantised/quantised-tensors.js'
import type { CoupledGroup, Slice } from '../units.js'
import { WEIGHT_OPERATORS } from '../weight-operators.js'
import { type Axis, atomsOf, unitsAlong } from './axis.js'
import type { ConstantAxes } from './constant-axes.js'
import { type Dependencies, findDependencies } from './dependencies.js'

/** Everything in a model that can only go together, and how to find it again in the graph. */
export interface Coupling {
  readonly groups: readonly CoupledGroup[]
  readonly dependencies: Dependencies
  /** The atom of a group, by its id. */
  readonly atoms: ReadonlyMap<string, Axis>
}

/**
 * The groups of a model, in the order of the graph: one for each atom along which a weight is sliced. Held ones are listed too, with the reason.
 * Linear in the sizes of axes; a tensor that several groups slice is listed in each. What was found is remembered as long as the model is held:
 * planning, cutting and proving ask for the same.
 */
export function findCoupling(model: Model): Promise<Coupling> {
  const memo = remembered.get(model)
  if (memo !== undefined) return memo
  const coupling = groupsOf(model)
  remembered.set(model, coupling)
  coupling.catch(() => remembered.delete(model))
  return coupling
}

const remembered = new WeakMap<Model, Promise<Coupling>>()

async function groupsOf(model: Model): Promise<Coupling> {
  const dependencies = await findDependencies(model)
  const slices = new Map<Axis, Slice[]>()
  const { tensors } = quantisationOf(model)
  for (const constant of dependencies.constants) {
    const { id } = constant
    const quantised = tensors.get(id)
    if (quantised === undefined && !isFloat(constant.tensor.type)) continue
    const tensor = quantised?.values ?? constant.tensor
    const axes = quantised === undefined ? constant.axes : elementAxes(constant, quantised, dependencies)
    for (const [axis, along] of axes.entries()) {
      for (const unit of atomsOf(along)) {
        if (unit.size < 2) continue
        const slice = { id, tensor, axis, units: unitsAlong(along, unit), scored: tensor.shape.length > 1 && !isAdded(constant) }
        const others = slices.get(unit)
        if (others === undefined) slices.set(unit, [slice])
        else others.push(slice)
      }
    }
  }
  addOwn(dependencies, slices, tensors)
  const groups: CoupledGroup[] = []
  const atoms = new Map<string, Axis>()
  const times = new Map<string, number>()
  for (const [atom, list] of slices) {
    // What no weight is sliced along has nothing to be judged by.
    if (!list.some(({ scored }) => scored)) continue
    const id = freeId(list.find(({ scored }) => scored)!, times)
    atoms.set(id, atom)
    const held = atom.pin === undefined ? {} : { held: atom.pin }
    groups.push({
      kind: 'coupled',
      id,
      units: atom.size,
      roles: new Set(atom.roles),
      slices: list,
      ...held,
      ...present({ least: atom.least?.count }),
      ...present({ unseen: dependencies.isUnseen(atom) || undefined }),
    })
  }
  return { groups, dependencies, atoms }
}

/** What experts have that are written out goes whole. */
function addOwn(
  { experts, constants }: Dependencies,
  slices: Map<Axis, Slice[]>,
  tensors: ReadonlyMap<string, QuantisedTensor>,
): void {
  if (experts.own.size === 0) return
  const places = new Map<string, number[]>()
  for (const [at, { tensor }] of constants.entries()) {
    const before = places.get(tensor.name)
    if (before === undefined) places.set(tensor.name, [at])
    else before.push(at)
  }
  for (const [axis, units] of experts.own) {
    const unitOf = new Map(units.flatMap((names, unit) => [...names].map((name) => [name, unit] as const)))
    const seen = new Set<string>()
    const inOrder = [...unitOf.keys()].flatMap((name) => places.get(name) ?? []).sort((a, b) => a - b)
    for (const at of inOrder) {
      const { id, tensor, readers } = constants[at]!
      const unit = unitOf.get(tensor.name)!
      const values = tensors.get(id)?.values ?? tensor
      if (seen.has(id) || values.shape.length === 0 || !isFloat(values.type)) continue
      seen.add(id)
      const scored = values.shape.length > 1 && !isAdded({ readers })
      const slice = { id, tensor: values, axis: 0, units: new Int32Array(values.shape[0]!).fill(unit), scored }
      slices.get(axis)?.push(slice)
    }
  }
}

/** Whether a matrix is no weight to those that read it, but a bias or a state, as recurrent layers have them for both directions. */
function isAdded({ readers }: Pick<ConstantAxes, 'readers'>): boolean {
  return readers.every(({ node, input }) => WEIGHT_OPERATORS.get(operatorName(node))?.inputs.includes(input) === false)
}

/** The first weight that is sliced, and its axis; a number behind where one axis holds several groups, as a fused QKV does. */
function freeId({ id, axis }: Slice, times: Map<string, number>): string {
  const name = `${id}:${axis}`
  const n = (times.get(name) ?? 0) + 1
  times.set(name, n)
  return n === 1 ? name : `${name}#${n}`
}
