import {
  factsOf,
  keyOf,
  type Model,
  type ModelFacts,
  type NameScope,
  type Node,
  operatorName,
  type Tensor,
  visitNodes,
} from '@pare/onnx'
import { flattened } from '../nested/flatten.js'
import { type AxesRead, findSizesRead } from '../sizes/sizes-read.js'
import type { Obstacle } from '../units.js'
import { WEIGHT_OPERATORS } from '../weight-operators.js'
import { type Axis, atom, pin } from './axis.js'
import { holdEdges } from './edges.js'
import { noteObstacle, unknownShape } from './obstacles.js'
import { NESTED_RULES } from './rules/nested.js'
import { AXIS_RULES } from './rules/rules.js'
import { settle, settleConstant } from './settle.js'
import { applyRule, type Contraction } from './site.js'

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
  /** The same, each undefined where it is not the same. */
  elements(value: string): readonly (number | undefined)[] | undefined
  /** Whether the size of an axis of a value is the same whatever the sizes of the inputs. */
  isFixed(value: string, axis: number): boolean
  /** For each element of a value the axes whose sizes it is computed from at run time. */
  readonly sizesRead: ReadonlyMap<string, AxesRead>
  /** Nodes beyond which nothing is known of axes, with the reason. */
  readonly obstacles: readonly Obstacle[]
  /** Whether an axis is held only since the analysis ends there. */
  isUnseen(axis: Axis): boolean
}

/**
 * A constant as some nodes read it. Exporters store equal vectors once (biases that are all zero, say): that ties nothing together, since each
 * reader can have a vector of its own. A matrix that several nodes read is one matrix.
 */
export interface ConstantAxes {
  readonly id: string
  readonly tensor: Tensor
  readonly axes: readonly Axis[]
  readonly readers: Reader[]
}

export interface Reader {
  readonly node: Node
  readonly input: number
}

/**
 * Walks the graph once, with branches and loops written out (`flattened`), applying the rule of each operator. Shapes are inferred with several sets of sizes: an axis whose size differs between
 * them is not fixed. Linear in nodes and axes; the depth to which axes are split is that of the Reshapes in the model.
 */
export async function findDependencies(whole: Model): Promise<Dependencies> {
  const { model } = flattened(whole)
  const facts = await factsOf(model)
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
  }
  const elsewhere = new Map<string, string>()
  const captured = new Set<string>()
  visitNodes(model, (node, scope) => {
    if (scope.path === '') {
      visit(node, scope, state)
      for (const { name } of model.graph.outputs) if (node.outputs.includes(name)) note(scope.constant(name)?.id, OUTPUT)
    } else for (const name of node.inputs) heldBySubgraph(name, scope)
  })
  for (const { name } of model.graph.outputs) note(name, OUTPUT)
  holdEdges(model, values)
  for (const { id, axes } of constants.values()) for (const axis of elsewhere.has(id) ? axes : []) pin(axis, elsewhere.get(id)!)
  const dependencies: Omit<Dependencies, 'sizesRead'> = {
    constants: [...constants.values()],
    values,
    contractions,
    statistics,
    obstacles: state.obstacles,
    isUnseen: (axis) => axis.pin !== undefined && state.unseen.has(axis.pin),
    axesAt: (output, input) => inputs.get(output)?.[input],
    numbers: (value) => facts.constant(value)?.numbers,
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
  const sites = nodes.map((node) => ({
    node,
    opset: opsetOf(model.opsets, node),
    input: (index: number) => axesAt(keyOf(node), index),
    output: (index: number) => values.get(node.outputs[index] ?? ''),
    value: (index: number) => numbers(node.inputs[index] ?? ''),
    elements: (index: number) => elements(node.inputs[index] ?? ''),
    isFixed: (output: number, axis: number) => isFixed(node.outputs[output]!, axis),
    sizesRead: (index: number) => read.of.get(node.inputs[index] ?? '') ?? [],
  }))
  settle(sites, read)
  for (const constant of dependencies.constants) settleConstant(constant)
  for (const { name } of model.graph.outputs)
    for (const axis of read.of.get(name)?.flat() ?? []) pin(axis, `the output '${name}' tells its size`)
  for (const name of captured)
    for (const axis of read.of.get(name)?.flat() ?? []) pin(axis, `its size, '${name}', is read in a subgraph`)
  return read.of
}

/** The version of the operator set of a node's domain. */
export function opsetOf(opsets: ReadonlyMap<string, number>, { domain }: Node): number {
  return opsets.get(domain) ?? (domain === 'ai.onnx' ? opsets.get('') : undefined) ?? 1
}

interface State {
  readonly facts: ModelFacts
  readonly constants: Map<string, ConstantAxes>
  readonly values: Map<string, readonly Axis[]>
  /** Axes of the inputs of a node, by its first output. */
  readonly inputs: Map<string, readonly (readonly Axis[] | undefined)[]>
  readonly contractions: Contraction[]
  readonly statistics: Set<Node>
  /** Values that are constants in another arrangement: a weight behind a Transpose or a Cast. */
  readonly arranged: Set<string>
  /** Values in which a weight, or a table of embeddings, had a part. */
  readonly weighted: Set<string>
  readonly obstacles: Obstacle[]
  /** Reasons by which axes are held only since the analysis ends there. */
  readonly unseen: Set<string>
}

function visit(node: Node, scope: NameScope, state: State): void {
  const { facts, values, contractions, statistics } = state
  // Copies of a constant are the constant: whoever reads them is its reader.
  if (scope.constant(keyOf(node)) !== undefined) return
  const operands = node.inputs.map((name, input) => operand(name, { scope, reader: { node, input }, state }))
  state.inputs.set(
    keyOf(node),
    operands.map(({ axes }) => axes),
  )
  if (
    ARRANGES.has(operatorName(node)) &&
    operands[0]?.constant &&
    operands.slice(1).every(({ constant }, i) => constant || node.inputs[i + 1] === '')
  )
    for (const name of node.outputs) state.arranged.add(name)
  const outputs = node.outputs.map((name) => (name === '' ? undefined : facts.shapes.get(name)?.map((size) => atom(size))))
  for (const [i, name] of node.outputs.entries()) if (outputs[i] !== undefined) values.set(name, outputs[i])
  if (isWeighted(node, operands, state)) for (const name of node.outputs) state.weighted.add(name)
  // What joins graphs says of each value what is known of it.
  const isComplete =
    node.domain === 'pare' ||
    (node.outputs.every((name, i) => name === '' || outputs[i] !== undefined) &&
      operands.every(({ axes }, i) => axes !== undefined || node.inputs[i] === ''))
  noteObstacle(node, { operands, outputs, isKnown: ruleOf(node) !== undefined }, state.obstacles)
  if (!isComplete)
    return pinUnseen(unknownShape(node, { operands, outputs }), [...operands.map(({ axes }) => axes), ...outputs], state)
  const rule = ruleOf(node)
  if (rule === undefined)
    return pinUnseen(
      `${node.op} '${node.name || keyOf(node) || node.op}' is not understood`,
      [...operands.map(({ axes }) => axes), ...outputs],
      state,
    )
  applyRule(rule, {
    node,
    opset: opsetOf(scope.opsets, node),
    inputs: operands.map(({ axes }) => axes),
    outputs,
    values: operands.map(({ numbers }) => numbers),
    elements: (index) => facts.elements(node.inputs[index] ?? ''),
    constants: operands.map(({ constant }) => constant),
    isWeighted: (index) => state.weighted.has(node.inputs[index] ?? ''),
    isFixed: (output, axis) => facts.isFixed(node.outputs[output]!, axis),
    isFixedInput: (input, axis) => scope.constant(node.inputs[input]!) !== undefined || facts.isFixed(node.inputs[input]!, axis),
    contractions,
    statistics,
  })
}

const ruleOf = (node: Node) => AXIS_RULES.get(operatorName(node)) ?? NESTED_RULES.get(operatorName(node))

/** Operators that give the numbers of their input in another arrangement or type. */
const ARRANGES = new Set([
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Slice',
  'Split',
  'Concat',
  'Expand',
  'Tile',
  'Cast',
  'Identity',
  'DequantizeLinear',
])

function pinUnseen(reason: string, values: readonly (readonly Axis[] | undefined)[], { unseen }: State): void {
  unseen.add(reason)
  for (const axes of values) for (const axis of axes ?? []) pin(axis, reason)
}

/** Whether a weight multiplies what this node makes, or did so with something that it is made of. Sizes are of no weight. */
function isWeighted(node: Node, operands: readonly Operand[], { weighted }: State): boolean {
  if (node.op === 'Shape' || node.op === 'Size') return false
  const inputs = node.op === 'Gather' ? [0] : (WEIGHT_OPERATORS.get(operatorName(node))?.inputs ?? [])
  return inputs.some((input) => operands[input]?.constant) || node.inputs.some((name) => weighted.has(name))
}

interface Operand {
  readonly axes: readonly Axis[] | undefined
  readonly numbers: readonly number[] | undefined
  readonly constant: boolean
}

function operand(name: string, { scope, reader, state }: { scope: NameScope; reader: Reader; state: State }): Operand {
  const { constants, facts, values } = state
  if (name === '') return { axes: undefined, numbers: undefined, constant: false }
  const numbers = facts.constant(name)?.numbers
  const constant = scope.constant(name)
  if (constant === undefined) return { axes: values.get(name), numbers, constant: state.arranged.has(name) }
  const { id, tensor } = constant
  const key = tensor.shape.length > 1 ? id : `${id}\n${keyOf(reader.node)}\n${reader.input}`
  const entry = constants.get(key) ?? { id, tensor, axes: tensor.shape.map((size) => atom(size)), readers: [] }
  entry.readers.push(reader)
  constants.set(key, entry)
  return { axes: entry.axes, numbers, constant: true }
}
