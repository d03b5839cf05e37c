import { keyOf, type ModelFacts, type NameScope, type Node, operatorName } from '@pare/onnx'
import { passPositions, passVanishing, type Routing } from '../experts/routing.js'
import type { Obstacle } from '../units.js'
import { WEIGHT_OPERATORS } from '../weight-operators.js'
import { type Axis, atom, pin } from './axis.js'
import type { ConstantAxes, Reader } from './constant-axes.js'
import { noteObstacle, unknownShape } from './obstacles.js'
import { opsetOf } from './opset.js'
import { NESTED_RULES } from './rules/nested.js'
import { AXIS_RULES } from './rules/rules.js'
import { applyRule, type Contraction } from './site.js'

/** What a walk through the graph collects. */
export interface State {
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
  readonly routing: Routing
}

/** Applies the rule of a node's operator to the axes of what it reads and makes. */
export function visit(node: Node, scope: NameScope, state: State): void {
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
  const moved = passPositions(node, state.routing)
  if (node.op === 'Gather' && operands[0]?.constant && state.routing.positions.has(node.inputs[1] ?? ''))
    for (const name of node.outputs) state.arranged.add(name)
  noteObstacle(node, { operands, outputs, isKnown: isUnderstood(node) }, state.obstacles)
  const hold = (reason: string) => {
    pinUnseen(
      reason,
      [...operands.map(({ axes }) => axes), ...outputs, node.inputs.flatMap((name) => state.routing.positions.get(name) ?? [])],
      state,
    )
  }
  if (!isComplete) return hold(unknownShape(node, { operands, outputs }))
  const rule = ruleOf(node)
  if (rule === undefined) return hold(`${node.op} '${node.name || keyOf(node) || node.op}' is not understood`)
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
    moved,
    routing: state.routing,
  })
  passVanishing(node, state.routing, { outputs, numbers: (input) => operands[input]?.numbers })
  if (node.op === 'ConstantOfShape' && facts.isZero(keyOf(node))) state.routing.zeros.add(keyOf(node))
}

/** Whether it is known what an operator does to the axes of its inputs. */
export const isUnderstood = (node: Node): boolean => ruleOf(node) !== undefined

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
