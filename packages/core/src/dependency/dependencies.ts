import { inferShapes, type Model, type Node, type Scope, type Shapes, type Tensor, visitNodes } from '@pare/onnx'
import { operatorName } from '../operators.js'
import { type Axis, atom, pin } from './axis.js'
import { AXIS_RULES } from './rules.js'
import { applyRule, type Contraction } from './site.js'

/** Which axes of which tensors keep the same positions. */
export interface Dependencies {
  /** Constants that nodes of the main graph read. A vector stands here once for each node that reads it. */
  readonly constants: readonly ConstantAxes[]
  /** Axes of values, by name. A value whose shape is not known has none. */
  readonly values: ReadonlyMap<string, readonly Axis[]>
  /** Where values are summed over an axis. */
  readonly contractions: readonly Contraction[]
  /** Axes of an input of the node with this first output. Undefined where it is left out. */
  axesAt(output: string, input: number): readonly Axis[] | undefined
  /** Elements of small integer values that are the same whatever the sizes of the inputs. */
  readonly numbers: ReadonlyMap<string, readonly number[] | undefined>
  /** Whether the size of an axis of a value is the same whatever the sizes of the inputs. */
  isFixed(value: string, axis: number): boolean
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
 * Walks the main graph once, applying the rule of each operator. Shapes are inferred with two sets of sizes: an axis whose size differs between
 * them is not fixed. Linear in nodes and axes; the depth to which axes are split is that of the Reshapes in the model.
 */
export async function findDependencies(model: Model): Promise<Dependencies> {
  const [shapes, others] = await inferTwice(model)
  const constants = new Map<string, ConstantAxes>()
  const values = new Map<string, readonly Axis[]>()
  const contractions: Contraction[] = []
  for (const { name } of model.graph.inputs)
    values.set(
      name,
      (shapes.shapes.get(name) ?? []).map((size) => atom(size, `it is an axis of the input '${name}'`)),
    )
  const inputs = new Map<string, readonly (readonly Axis[] | undefined)[]>()
  const state: State = { shapes, others, constants, values, inputs, contractions }
  visitNodes(model, (node, scope) => {
    if (scope.path === '') visit(node, scope, state)
    else for (const name of node.inputs) for (const axis of values.get(name) ?? []) pin(axis, `'${name}' is read in a subgraph`)
  })
  for (const { name } of model.graph.outputs)
    for (const axis of values.get(name) ?? []) pin(axis, `it is an axis of the output '${name}'`)
  return {
    constants: [...constants.values()],
    values,
    contractions,
    axesAt: (output, input) => inputs.get(output)?.[input],
    numbers: new Map([...shapes.values.keys()].map((name) => [name, numbersOf(state, name)])),
    isFixed: (value, axis) => isFixed(state, value, axis),
  }
}

// Sizes that symbols are given: primes, so that no product of them is mistaken for another axis; and 32 times as much for networks that
// halve an image five times and add what they have halved to what they have not.
const FIRST = [3, 7, 11, 13, 17, 19, 23, 29]
const SECOND = [5, 13, 17, 19, 23, 29, 31, 37]
const SCALES = [1, 32]

/** Shapes for two sets of sizes, at the scale at which most of them follow. */
async function inferTwice(model: Model): Promise<readonly [Shapes, Shapes]> {
  const tried: (readonly [Shapes, Shapes])[] = []
  for (const scale of SCALES) {
    const [first, second] = [FIRST, SECOND].map((primes) => inferShapes(model, { dims: sizesOf(model, primes, scale) }))
    tried.push([await first!, await second!])
    if (tried[0]![0].shapes.size === countValues(model)) break
  }
  return tried.reduce((best, next) => (next[0].shapes.size > best[0].shapes.size ? next : best))
}

function sizesOf(model: Model, primes: readonly number[], scale: number): Record<string, number> {
  const symbols = new Set(model.graph.inputs.flatMap(({ shape }) => shape ?? []).filter((size) => typeof size === 'string'))
  return Object.fromEntries([...symbols].map((symbol, i) => [symbol, scale * primes[i % primes.length]!]))
}

function countValues({ graph }: Model): number {
  return (
    new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name)).size +
    graph.nodes.reduce((total, { outputs }) => total + outputs.length, 0)
  )
}

interface State {
  readonly shapes: Shapes
  readonly others: Shapes
  readonly constants: Map<string, ConstantAxes>
  readonly values: Map<string, readonly Axis[]>
  /** Axes of the inputs of a node, by its first output. */
  readonly inputs: Map<string, readonly (readonly Axis[] | undefined)[]>
  readonly contractions: Contraction[]
}

function isFixed({ shapes, others }: State, value: string, axis: number): boolean {
  return shapes.shapes.get(value)?.[axis] === others.shapes.get(value)?.[axis]
}

function visit(node: Node, scope: Scope, state: State): void {
  const { shapes, values, contractions } = state
  // Copies of a constant are the constant: whoever reads them is its reader.
  if (node.op === 'Constant' || scope.constant(node.outputs[0] ?? '') !== undefined) return
  const operands = node.inputs.map((name, input) => operand(name, { scope, reader: { node, input }, state }))
  state.inputs.set(
    node.outputs[0] ?? '',
    operands.map(({ axes }) => axes),
  )
  const outputs = node.outputs.map((name) => (name === '' ? undefined : shapes.shapes.get(name)?.map((size) => atom(size))))
  for (const [i, name] of node.outputs.entries()) if (outputs[i] !== undefined) values.set(name, outputs[i])
  const known =
    node.outputs.every((name, i) => name === '' || outputs[i] !== undefined) &&
    operands.every(({ axes }, i) => axes !== undefined || node.inputs[i] === '')
  if (!known) return pinUnknown(node, operands, outputs)
  applyRule(AXIS_RULES.get(operatorName(node)), {
    node,
    inputs: operands.map(({ axes }) => axes),
    outputs,
    values: operands.map(({ numbers }) => numbers),
    constants: operands.map(({ constant }) => constant),
    isFixed: (output, axis) => isFixed(state, node.outputs[output]!, axis),
    contractions,
  })
}

function pinUnknown(node: Node, operands: readonly Operand[], outputs: readonly (readonly Axis[] | undefined)[]): void {
  const unknown = [
    ...node.inputs.filter((name, i) => name !== '' && operands[i]!.axes === undefined),
    ...node.outputs.filter((_, i) => outputs[i] === undefined),
  ]
  for (const axes of [...operands.map(({ axes }) => axes), ...outputs]) {
    for (const axis of axes ?? [])
      pin(axis, `the shape of '${unknown[0]}' at ${node.op} '${node.name || node.outputs[0]}' does not follow from the model`)
  }
}

function numbersOf({ shapes, others }: State, name: string): readonly number[] | undefined {
  const [first, second] = [shapes, others].map(({ values }) => values.get(name)?.numbers)
  return first?.length === second?.length && first?.every((number, i) => number === second![i]) ? first : undefined
}

interface Operand {
  readonly axes: readonly Axis[] | undefined
  readonly numbers: readonly number[] | undefined
  readonly constant: boolean
}

function operand(name: string, { scope, reader, state }: { scope: Scope; reader: Reader; state: State }): Operand {
  const { constants, values } = state
  if (name === '') return { axes: undefined, numbers: undefined, constant: false }
  const numbers = numbersOf(state, name)
  const found = scope.constant(name)
  if (found === undefined) return { axes: values.get(name), numbers, constant: false }
  const { id, tensor } = found
  const key = tensor.shape.length > 1 ? id : `${id}\n${reader.node.outputs[0]}\n${reader.input}`
  const known = constants.get(key) ?? { id, tensor, axes: tensor.shape.map((size) => atom(size)), readers: [] }
  known.readers.push(reader)
  constants.set(key, known)
  return { axes: known.axes, numbers, constant: true }
}
