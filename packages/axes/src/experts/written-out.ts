import { type Graph, keyOf, type Node } from '@pare/onnx'
import { type Axis, atomsOf, factorsOf, isAtom, pin, rootOf } from '../dependency/axis.js'
import type { ConstantAxes } from '../dependency/constant-axes.js'
import { type Absence, absenceOf, type Paths } from './absence.js'
import type { Pick, Routing, Stack } from './routing.js'

/** Experts that stand in stretches of the graph of their own, and go with these. */
export interface WrittenOut {
  /** Of each axis of experts, for each expert the names of values and constants that nothing else reads. */
  readonly own: ReadonlyMap<Axis, readonly ReadonlySet<string>[]>
  /** What goes with experts: `isGone` says of an axis which. */
  absence(isGone: (axis: Axis) => Uint8Array | undefined): Absence | undefined
}

export interface SettledFacts {
  readonly graph: Graph
  readonly routing: Routing
  readonly constants: readonly ConstantAxes[]
  shapeOf(value: string): readonly number[] | undefined
  numbers(value: string): readonly number[] | undefined
}

/**
 * Tells which of the axes that compete are experts: those along which weights of several experts are stacked, or whose positions go into a stretch of the graph
 * each, whose end is added to those of the others. All others are held. Linear in the nodes of these stretches.
 */
export function settleExperts(facts: SettledFacts): WrittenOut {
  const { routing, graph, constants } = facts
  const own = new Map<Axis, readonly ReadonlySet<string>[]>()
  const parts = new Map<Axis, Parts>()
  const partsAt = (axis: Axis) => {
    const root = rootOf(axis)
    const part = parts.get(root) ?? { picks: [], stacks: [] }
    parts.set(root, part)
    return part
  }
  for (const pick of routing.picks) partsAt(pick.axis).picks.push(pick)
  for (const stack of routing.stacks) partsAt(stack.axis).stacks.push(stack)
  for (const { name } of graph.outputs) {
    const axis = routing.positions.get(name)
    if (axis !== undefined) pin(axis, `the output '${name}' tells which were chosen`)
  }
  const axes = competing(routing)
  // Most models have no experts.
  let memo: Paths | undefined
  const paths = () => {
    memo ??= pathsOf(facts)
    return memo
  }
  const stacked = stackedAxes(constants)
  const grouped = new Set<Axis>()
  for (const axis of axes.keys()) {
    const inner = parts.has(axis) ? undefined : inGroups(axis, stacked)
    if (inner === undefined) continue
    inner.roles.add('expert')
    for (const outer of factorsOf(axis).slice(0, -1)) pin(outer, IN_GROUPS)
    for (const each of [axis, inner]) grouped.add(each)
  }
  for (const [axis, reason] of axes) {
    if (grouped.has(axis)) continue
    if (axis.sum !== undefined || axis.product !== undefined || axis.turned !== undefined || axis.pin !== undefined) {
      pin(axis, reason)
      continue
    }
    const { picks, stacks } = parts.get(axis) ?? { picks: [], stacks: [] }
    if (picks.length + stacks.length === 0) {
      if (stacked.has(axis)) axis.roles.add('expert')
      else pin(axis, reason)
      continue
    }
    const units = Array.from({ length: axis.size }, (_, unit) => absenceAt(paths(), { picks, stacks }, (each) => each === unit))
    const problem = problemOf({ picks, stacks }, units, reason)
    if (problem !== undefined) pin(axis, problem)
    else {
      axis.roles.add('expert')
      own.set(
        axis,
        units.map(({ unread }) => unread),
      )
    }
  }
  // Nothing may be removed from single values that are put side by side, but experts.
  for (const [axis, { stacks }] of parts)
    for (const { node } of stacks)
      if (!own.has(axis))
        for (const each of atomsOf(axis)) pin(each, `Concat '${node.name || keyOf(node)}' joins single positions of it`)
  return {
    own,
    absence(isGone) {
      const zeros: string[] = []
      const left: { node: Node; input: number }[] = []
      for (const axis of own.keys()) {
        const gone = isGone(axis)
        if (gone === undefined) continue
        const starts = startsOf(parts.get(axis)!, (unit) => gone[unit] === 1)
        zeros.push(...starts.zeros)
        left.push(...starts.left)
      }
      return zeros.length + left.length === 0 ? undefined : absenceOf(paths(), zeros, left)
    },
  }
}

interface Parts {
  readonly picks: Pick[]
  readonly stacks: Stack[]
}

/** Of axes that became one, the first reason. */
function competing({ competitions }: Routing): Map<Axis, string> {
  const roots = new Map<Axis, string>()
  for (const [axis, reason] of competitions) if (!roots.has(rootOf(axis))) roots.set(rootOf(axis), reason)
  return roots
}

const IN_GROUPS = 'experts are chosen in groups: the same ones of each group go, and all groups stay'

/** Of an axis of groups × experts of each group, the latter: the same number of each group goes. Undefined: it is none. */
function inGroups(axis: Axis, stacked: ReadonlySet<Axis>): Axis | undefined {
  const factors = factorsOf(axis).map(rootOf)
  const inner = factors.at(-1)!
  return factors.length > 1 && factors.every(isAtom) && inner.pin === undefined && stacked.has(axis) ? inner : undefined
}

/** Axes along which weights of several experts may stand one after another, and not only the columns of a router. */
function stackedAxes(constants: readonly ConstantAxes[]): ReadonlySet<Axis> {
  return new Set(constants.flatMap(({ axes }) => (axes.length > 2 ? axes.slice(0, -1).map(rootOf) : [])))
}

function startsOf({ picks, stacks }: Parts, isGone: (unit: number) => boolean) {
  return {
    zeros: picks.filter(({ unit }) => isGone(unit)).map(({ value }) => value),
    left: stacks.flatMap(({ node }) => [...node.inputs.keys()].filter(isGone).map((input) => ({ node, input }))),
  }
}

function absenceAt(paths: Paths, parts: Parts, isGone: (unit: number) => boolean): Absence {
  const { zeros, left } = startsOf(parts, isGone)
  return absenceOf(paths, zeros, left)
}

/** Why the experts of an axis cannot go one by one, if so. */
function problemOf({ picks, stacks }: Parts, units: readonly Absence[], reason: string): string | undefined {
  const named = (node: Node) => `${node.op} '${node.name || keyOf(node)}'`
  const taken = new Set(picks.map(({ unit }) => unit))
  for (const { value, vanishes, node, unit } of picks)
    if (!vanishes)
      return `${named(node)} takes number ${unit} of them as '${value}', which is not 0 where a router has not chosen it`
  for (const [unit, { stuck }] of units.entries()) {
    if (stacks.length === 0 && !taken.has(unit)) return `${reason}, and number ${unit} of them goes nowhere of its own`
    if (stuck === undefined) continue
    const where = stuck.node === undefined ? 'it is an output' : `${named(stuck.node)} makes more of it than a part of a sum`
    return `expert ${unit} cannot be left out: of '${stuck.value}', ${where}`
  }
  return undefined
}

function pathsOf({ graph, shapeOf, numbers }: SettledFacts): Paths {
  const readers = new Map<string, Node[]>()
  const reads = new Map<string, number>()
  const makers = new Map<string, Node>()
  const order = new Map<Node, number>()
  for (const [at, node] of graph.nodes.entries()) {
    order.set(node, at)
    for (const name of new Set(node.inputs)) {
      if (name === '') continue
      const others = readers.get(name)
      if (others === undefined) readers.set(name, [node])
      else others.push(node)
    }
    for (const name of node.inputs) if (name !== '') reads.set(name, (reads.get(name) ?? 0) + 1)
    for (const name of node.outputs) makers.set(name, node)
  }
  for (const name of new Set(graph.outputs.map(({ name }) => name))) reads.set(name, (reads.get(name) ?? 0) + 1)
  return { readers, reads, makers, order, shapeOf, numbers }
}
