import { type DataType, factsOf, keyOf, type Model, type NameScope, type Node, visitNodes } from '@pare/onnx'
import { noRouting } from '../experts/routing.js'
import { settleExperts, type WrittenOut } from '../experts/written-out.js'
import { flattened } from '../nested/flatten.js'
import { type AxesRead, findSizesRead } from '../sizes/sizes-read.js'
import type { Obstacle } from '../units.js'
import { type Axis, atom, atomsOf, pin, rootOf } from './axis.js'
import type { ConstantAxes } from './constant-axes.js'
import { holdEdges } from './edges.js'
import { opsetOf } from './opset.js'
import { settle, settleConstant } from './settle.js'
import type { Contraction } from './site.js'
import { type State, visit } from './visit.js'

/** Which axes of which tensors keep the same positions. */
export interface Dependencies {
  /** Constants that nodes of the main graph read. A vector stands here once for each node that reads it. */
  readonly constants: readonly ConstantAxes[]
  /** Axes of values, by name. A value whose shape is not known has none. */
  readonly values: ReadonlyMap<string, readonly Axis[]>
  /** Where values are summed over an axis. */
  readonly contractions: readonly Contraction[]
  /** Nodes that take statistics over an axis. */
  readonly statistics: ReadonlySet<Node>
  /** Axes of an input of the node with this first output. Undefined where it is left out. */
  axesAt(output: string, input: number): readonly Axis[] | undefined
  /** Elements of a small value that are the same whatever the sizes of the inputs. */
  numbers(value: string): readonly number[] | undefined
  /** Of elements that are known. Default: int64 */
  typeOf(value: string): DataType
  /** The same, each undefined where it is not the same. */
  elements(value: string): readonly (number | undefined)[] | undefined
  /** Whether the size of an axis of a value is the same whatever the sizes of the inputs. */
  isFixed(value: string, axis: number): boolean
  /** For each element of a value the axes whose sizes it is computed from at run time. */
  readonly sizesRead: ReadonlyMap<string, AxesRead>
  /** The axis of which the numbers in a value are positions: which experts a router chose. */
  positions(value: string): Axis | undefined
  /** Experts that are written out in the graph. */
  readonly experts: WrittenOut
  /** Whether units are told apart by where they stand in the graph, and not in weights alone. */
  isPlaced(axis: Axis): boolean
  /** Nodes beyond which nothing is known of axes, with the reason. */
  readonly obstacles: readonly Obstacle[]
  /** Whether an axis is held only since the analysis ends there. */
  isUnseen(axis: Axis): boolean
}

/**
 * Walks the graph once, with branches and loops written out (`flattened`), applying the rule of each operator. Shapes are inferred with several sets of sizes: an axis whose size differs between
 * them is not fixed. Linear in nodes and axes; the depth to which axes are split is that of the Reshapes in the model.
 */
export async function findDependencies(whole: Model): Promise<Dependencies> {
  const { model } = flattened(whole)
  const facts = await factsOf(model, { hasCounts: true })
  const constants = new Map<string, ConstantAxes>()
  const values = new Map<string, readonly Axis[]>()
  const contractions: Contraction[] = []
  const statistics = new Set<Node>()
  const stored = new Set(model.graph.initializers.map(({ name }) => name))
  for (const { name } of model.graph.inputs)
    if (!stored.has(name))
      values.set(
        name,
        (facts.shapes.get(name) ?? []).map((size) => atom(size)),
      )
  const inputs = new Map<string, readonly (readonly Axis[] | undefined)[]>()
  const state: State = {
    facts,
    constants,
    values,
    inputs,
    contractions,
    statistics,
    arranged: new Set(),
    weighted: new Set(),
    obstacles: [],
    unseen: new Set(),
    routing: noRouting(),
  }
  const elsewhere = new Map<string, string>()
  const captured = new Set<string>()
  const outputs = new Set(model.graph.outputs.map(({ name }) => name))
  visitNodes(model, (node, scope) => {
    if (scope.path === '') {
      visit(node, scope, state)
      for (const name of node.outputs) if (outputs.has(name)) note(scope.constant(name)?.id, OUTPUT)
    } else for (const name of node.inputs) heldBySubgraph(name, scope)
  })
  for (const { name } of model.graph.outputs) note(name, OUTPUT)
  const { routing } = state
  const experts = settleExperts({
    ...{ graph: model.graph, routing, constants: [...constants.values()] },
    shapeOf: (value) => facts.shapes.get(value),
    numbers: (value) => facts.constant(value)?.numbers,
  })
  holdEdges(model, values)
  for (const { id, axes } of constants.values()) for (const axis of elsewhere.has(id) ? axes : []) pin(axis, elsewhere.get(id)!)
  const placed = new Set([...routing.picks, ...routing.stacks].map(({ axis }) => rootOf(axis)))
  for (const axis of routing.positions.values()) for (const each of atomsOf(axis)) placed.add(each)
  const dependencies: Omit<Dependencies, 'sizesRead'> = {
    constants: [...constants.values()],
    values,
    contractions,
    statistics,
    obstacles: state.obstacles,
    experts,
    positions: (value) => routing.positions.get(value),
    isPlaced: (axis) => placed.has(rootOf(axis)),
    isUnseen: (axis) => axis.pin !== undefined && state.unseen.has(axis.pin),
    axesAt: (output, input) => inputs.get(output)?.[input],
    numbers: (value) => facts.constant(value)?.numbers,
    typeOf: (value) => facts.constant(value)?.type ?? 'int64',
    elements: facts.elements,
    isFixed: facts.isFixed,
  }
  return { ...dependencies, sizesRead: settleAll(model, dependencies, { ...state, captured }) }

  /** Slicing a constant changes it for whoever reads it, here or there. */
  function heldBySubgraph(name: string, scope: NameScope): void {
    const reasons = [`'${name}' is read in a subgraph`, 'it is read in a subgraph'] as const
    for (const axis of values.get(name) ?? []) pin(axis, reasons[0])
    note(scope.constant(name)?.id, reasons[1])
    for (const reason of reasons) state.unseen.add(reason)
    captured.add(name)
  }

  function note(id: string | undefined, reason: string): void {
    if (id !== undefined && !elsewhere.has(id)) elsewhere.set(id, reason)
  }
}

const OUTPUT = 'it is an output of the model'

/** Pins what could be found but not cut. Returns the sizes that are read at run time. */
function settleAll(
  model: Model,
  dependencies: Omit<Dependencies, 'sizesRead'>,
  { facts, captured }: State & { captured: ReadonlySet<string> },
): Dependencies['sizesRead'] {
  const { axesAt, values, numbers, elements, isFixed } = dependencies
  const { nodes } = model.graph
  const read = findSizesRead({
    nodes,
    opset: (node) => opsetOf(model.opsets, node),
    axesAt,
    axesOf: (name) => values.get(name),
    shapeOf: (name) => facts.shapes.get(name),
    numbers,
    elements,
  })
  const siteOf = (node: Node) => ({
    node,
    opset: opsetOf(model.opsets, node),
    input: (index: number) => axesAt(keyOf(node), index),
    output: (index: number) => values.get(node.outputs[index] ?? ''),
    value: (index: number) => numbers(node.inputs[index] ?? ''),
    elements: (index: number) => elements(node.inputs[index] ?? ''),
    isFixed: (output: number, axis: number) => isFixed(node.outputs[output]!, axis),
    sizesRead: (index: number) => read.of.get(node.inputs[index] ?? '') ?? [],
  })
  settle(nodes, siteOf, read)
  for (const constant of dependencies.constants) settleConstant(constant)
  for (const { name } of model.graph.outputs)
    for (const axis of read.of.get(name)?.flat() ?? []) pin(axis, `the output '${name}' tells its size`)
  for (const name of captured)
    for (const axis of read.of.get(name)?.flat() ?? []) pin(axis, `its size, '${name}', is read in a subgraph`)
  return read.of
}
