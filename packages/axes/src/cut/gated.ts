import {
  editGraph,
  editModel,
  editNode,
  editValueInfo,
  GraphWriter,
  keyOf,
  type Model,
  type Node,
  type ValueInfo,
} from '@pare/onnx'
import type { Axis } from '../dependency/axis.js'
import type { Dependencies } from '../dependency/dependencies.js'
import type { Contraction } from '../dependency/site.js'
import { flattened } from '../nested/flatten.js'
import { keptMask, keptPositions, type Removals } from './remaining.js'

/**
 * The model with the units that go multiplied by 0 wherever values are summed over them: there removal and a factor 0 are the same, whatever lies
 * between. Where statistics are taken over them, the node alone runs without them. Shapes stay, but those of inputs and outputs that the cut model
 * has smaller. Its outputs are what those of the cut model must be.
 */
export function gated(whole: Model, dependencies: Dependencies, removals: Removals): Model {
  if (removals.size === 0) return whole
  const { model, nest } = flattened(whole)
  const { graph } = model
  const gates = new Gates(removals, new GraphWriter(graph, 'gate'), model.opsets.get('') ?? 1)
  const sites = new Map<Node, Contraction[]>()
  for (const site of dependencies.contractions) sites.set(site.node, [...(sites.get(site.node) ?? []), site])
  const constants = new Set(model.graph.initializers.map(({ name }) => name))
  const inputs = model.graph.inputs.map((value) => (constants.has(value.name) ? value : gates.input(value, dependencies)))
  for (const node of model.graph.nodes) {
    if (dependencies.statistics.has(node)) gates.without(node, dependencies)
    else gates.contraction(node, sites.get(node) ?? [])
  }
  const outputs = model.graph.outputs.map((value) => gates.output(value, dependencies))
  const initializers = [...graph.initializers, ...gates.writer.constants]
  return nest(editModel(model, { graph: editGraph(graph, { nodes: gates.nodes(), inputs, outputs, initializers }) }))
}

/** The graph of a gated model, as it is put together. Positions are chosen by Gather, which every element type has. */
class Gates {
  /** Inputs and outputs that are another size than the value within. */
  readonly #within = new Map<string, string>()

  constructor(
    private readonly removals: Removals,
    readonly writer: GraphWriter,
    private readonly opset: number,
  ) {}

  nodes(): Node[] {
    const of = (name: string) => this.#within.get(name) ?? name
    // What chooses positions for the outside reads and makes names of the outside.
    return this.writer.nodes.map((node) =>
      this.#outside.has(node) ? node : editNode(node, { inputs: node.inputs.map(of), outputs: node.outputs.map(of) }),
    )
  }
  readonly #outside = new Set<Node>()

  /** An input of the cut model's size; within, positions that are gone hold what some other one holds. */
  input(value: ValueInfo, { values }: Dependencies): ValueInfo {
    const axes = smaller(values.get(value.name), this.removals)
    if (axes.length === 0) return value
    this.#within.set(
      value.name,
      this.#choose(
        value.name,
        axes.map(([axis, along]) => [axis, spread(along, this.removals)]),
        true,
      ),
    )
    return this.#resized(value, values.get(value.name)!)
  }

  output(value: ValueInfo, { values }: Dependencies): ValueInfo {
    const axes = smaller(values.get(value.name), this.removals)
    if (axes.length === 0) return value
    this.#within.set(value.name, `${value.name}/within`)
    const last = this.#choose(
      `${value.name}/within`,
      axes.map(([axis, along]) => [axis, keptPositions(along, this.removals)]),
      true,
    )
    this.writer.write('Identity', [last], [value.name])
    this.#outside.add(this.writer.nodes.at(-1)!)
    return this.#resized(value, values.get(value.name)!)
  }

  #resized(value: ValueInfo, axes: readonly Axis[]): ValueInfo {
    return editValueInfo(value, { shape: resized(value, axes, this.removals)! })
  }

  /**
   * A node that takes statistics over units runs without those that go; behind it, their positions hold what some other one holds. What goes beside them (heads,
   * groups of channels) has statistics of its own, and stays there.
   */
  without(node: Node, { axesAt, values }: Dependencies): void {
    const removals: Removals = new Map([...this.removals].filter(([axis]) => axis.roles.has('norm')))
    const inputs = node.inputs.map((name, input) => {
      const axes = smaller(axesAt(keyOf(node), input), removals)
      return this.#choose(
        name,
        axes.map(([axis, along]) => [axis, keptPositions(along, removals)]),
      )
    })
    const outputs = node.outputs.map((name) => ({ name, axes: smaller(values.get(name), removals) }))
    this.writer.nodes.push(
      editNode(node, { inputs, outputs: outputs.map(({ name, axes }) => (axes.length > 0 ? `${name}/kept` : name)) }),
    )
    for (const { name, axes } of outputs) {
      if (axes.length === 0) continue
      const full = this.#choose(
        `${name}/kept`,
        axes.map(([axis, along]) => [axis, spread(along, removals)]),
      )
      this.writer.write('Identity', [full], [name])
    }
  }

  /** A node that sums over units reads 0 where they are gone. */
  contraction(node: Node, sites: readonly Contraction[]): void {
    let now = node
    for (const { input, axis, along, zero: point, isCompetition = false } of sites) {
      const mask = keptMask(along, this.removals)
      if (mask.every((kept) => kept === 1)) continue
      const name = now.inputs[input]!
      // One more position, which holds x − x = 0, the code of 0, or where positions compete what is below all others.
      const first = this.#gather(name, axis, Int32Array.of(0))
      const nothing = isCompetition ? this.#lowest(first) : this.writer.node('Sub', [first, first])
      const removed = point === undefined ? nothing : this.#zeroCodes(first, node.inputs[point])
      const more = this.writer.node('Concat', [name, removed], { axis: BigInt(axis) })
      const selection = this.#gather(
        more,
        axis,
        Int32Array.from(mask, (kept, i) => (kept === 1 ? i : mask.length)),
      )
      now = editNode(now, { inputs: now.inputs.map((each, i) => (i === input ? selection : each)) })
    }
    this.writer.nodes.push(now)
  }

  /** What no other number is below, in the shape of a value. */
  #lowest(like: string): string {
    const low = this.writer.float(LOWEST)
    const zero = this.writer.node('Sub', [like, like])
    return this.writer.node('Add', [zero, this.opset >= 15 ? this.writer.node('CastLike', [low, like]) : low])
  }

  /** Codes of 0 in the shape of a value of codes. */
  #zeroCodes(like: string, point = ''): string {
    const zero = point === '' ? this.#defaultZero(like) : point
    const one = this.writer.node('Reshape', [zero, this.writer.ints([1])])
    return this.writer.node('Expand', [one, this.writer.node('Shape', [like])])
  }

  /** 0 in the type of codes: before opset 15 bytes without sign, which is what nodes without a zero point make. */
  #defaultZero(like: string): string {
    return this.opset >= 15
      ? this.writer.node('CastLike', [this.writer.ints(0), like])
      : this.writer.node('QuantizeLinear', [this.writer.float(0), this.writer.float(1)])
  }

  #choose(name: string, axes: readonly (readonly [number, Int32Array])[], outside = false): string {
    return axes.reduce((from, [axis, positions]) => this.#gather(from, axis, positions, outside), name)
  }

  #gather(from: string, axis: number, positions: Int32Array, outside = false): string {
    const gathered = this.writer.own('Gather', [from, this.writer.ints([...positions])], { axis: BigInt(axis) })
    if (outside) this.#outside.add(this.writer.nodes.at(-1)!)
    return gathered
  }
}

/** Far below what a router gives, and finite: e to its power is 0, and its difference from itself is no NaN. */
export const LOWEST = -1e30

/** The axes that something is removed from, with their places. */
function smaller(axes: readonly Axis[] | undefined, removals: Removals): (readonly [number, Axis])[] {
  return [...(axes ?? []).entries()].filter(([, along]) => keptMask(along, removals).includes(0))
}

/** For each position where to find it among those that stay; for one that goes, the first. */
function spread(along: Axis, removals: Removals): Int32Array {
  let next = 0
  return Int32Array.from(keptMask(along, removals), (kept) => (kept === 1 ? next++ : 0))
}

/** Declared shape of a value, with the sizes of its axes after the cut. */
export function resized({ shape }: ValueInfo, axes: readonly Axis[], removals: Removals): ValueInfo['shape'] {
  return shape?.map((size, i) => {
    const kept = axes[i] === undefined ? undefined : keptPositions(axes[i], removals).length
    return kept === undefined || kept === axes[i]!.size ? size : kept
  })
}
