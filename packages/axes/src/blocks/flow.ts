import {
  type Constant,
  capturedBy,
  keyOf,
  type Model,
  madeBy,
  type Node,
  operatorName,
  type ValueInfo,
  visitNodes,
} from '@pare/onnx'
import { quantisationOf } from '../quantised/quantised-tensors.js'
import { WEIGHT_OPERATORS } from '../weight-operators.js'

/**
 * The main graph as steps that read and make values. A fused SkipLayerNormalization is two: the sum of its inputs, which is the residual stream,
 * and the norm of that sum.
 */
export interface Flow {
  readonly steps: readonly FlowStep[]
  /** Index of the step that makes a value. Inputs of the graph and constants have none. */
  readonly maker: ReadonlyMap<string, number>
  /** Indices of the steps that read a value, ascending. */
  readonly readers: ReadonlyMap<string, readonly number[]>
  /** Inputs and outputs of the model. */
  readonly inputs: ReadonlySet<string>
  readonly outputs: ReadonlySet<string>
  /** Values that nested graphs read. */
  readonly captured: ReadonlySet<string>
}

export interface FlowStep {
  readonly node: Node
  readonly part: 'whole' | 'sum' | 'norm'
  readonly reads: readonly string[]
  readonly makes: readonly string[]
  /** What is added up, constants left out. Empty where nothing is. */
  readonly addends: readonly string[]
  /** What is read of the model's constants; also those of integers behind a DequantizeLinear. */
  readonly constants: readonly Constant[]
  /** Whether a constant is multiplied with activations here. */
  readonly weighs: boolean
}

/** Index of γ's bias, the third addend, by operator. */
export const SKIP_NORMS: ReadonlyMap<string, { readonly bias: number; readonly norm: string }> = new Map([
  ['com.microsoft.SkipLayerNormalization', { bias: 4, norm: 'LayerNormalization' }],
  ['com.microsoft.SkipSimplifiedLayerNormalization', { bias: 3, norm: 'SimplifiedLayerNormalization' }],
])

/** Name of the residual sum inside a fused SkipLayerNormalization: output 3, whether the node gives it or not. */
export const residualSumOf = ({ outputs }: Node) => outputs[3] || `${outputs[0]}/sum`

/** The flow of a model. What was found is remembered as long as the model is held. */
export function flowOf(model: Model): Flow {
  const memo = remembered.get(model)
  if (memo !== undefined) return memo
  const flow = findFlow(model)
  remembered.set(model, flow)
  return flow
}

const remembered = new WeakMap<Model, Flow>()

function findFlow(model: Model): Flow {
  const steps: FlowStep[] = []
  const captured = new Set<string>()
  const { tensors } = quantisationOf(model)
  const decoded = new Map<string, Constant>()
  visitNodes(model, (node, scope) => {
    if (scope.path !== '' || scope.constant(keyOf(node)) !== undefined) return
    const nested = capturedBy(node)
    for (const name of nested) captured.add(name)
    const own = stepsOf(node, nested, (name) => scope.constant(name))
    const [input] = node.inputs
    const codes = scope.constant(input!)
    const source = codes !== undefined && tensors.has(codes.id) ? codes : decoded.get(input!)
    if (source !== undefined && DECODES.has(operatorName(node))) decoded.set(node.outputs[0]!, source)
    const weights = node.inputs.flatMap((name) => decoded.get(name) ?? [])
    steps.push(...(weights.length === 0 ? own : own.map((step) => withWeights(step, weights))))
  })
  const maker = new Map<string, number>()
  const readers = new Map<string, number[]>()
  for (const [i, { makes, reads }] of steps.entries()) {
    for (const name of makes) maker.set(name, i)
    for (const name of new Set(reads)) {
      const list = readers.get(name)
      if (list === undefined) readers.set(name, [i])
      else list.push(i)
    }
  }
  const namesOf = (values: readonly ValueInfo[]) => new Set(values.map(({ name }) => name))
  return { steps, maker, readers, inputs: namesOf(model.graph.inputs), outputs: namesOf(model.graph.outputs), captured }
}

/** Operators whose output is the numbers of a constant of integers, in this or another arrangement. */
const DECODES = new Set(['DequantizeLinear', 'com.microsoft.DequantizeLinear', 'Transpose', 'Reshape', 'Cast', 'Identity'])

function withWeights(step: FlowStep, weights: readonly Constant[]): FlowStep {
  const constants = [...step.constants, ...weights]
  return { ...step, constants, weighs: step.weighs || weighs(step.node, constants) }
}

const weighs = (node: Node, constants: readonly Constant[]) =>
  WEIGHT_OPERATORS.has(operatorName(node)) && constants.some(({ tensor }) => tensor.shape.length > 1)

function stepsOf(node: Node, nested: readonly string[], constant: (name: string) => Constant | undefined): FlowStep[] {
  const split = (names: readonly string[]) => {
    const operands = names.filter((name) => name !== '')
    return {
      reads: operands.filter((name) => constant(name) === undefined),
      constants: operands.flatMap((name) => constant(name) ?? []),
    }
  }
  const makes = madeBy(node)
  const skip = SKIP_NORMS.get(operatorName(node))
  if (skip === undefined) {
    const { reads, constants } = split(node.inputs)
    const addends = operatorName(node) === 'Add' || operatorName(node) === 'Sum' ? reads : []
    return [{ node, part: 'whole', reads: [...reads, ...nested], makes, addends, constants, weighs: weighs(node, constants) }]
  }
  const sum = residualSumOf(node)
  const added = split([node.inputs[0]!, node.inputs[1]!, node.inputs[skip.bias] ?? ''])
  const norm = split(node.inputs.slice(2, skip.bias))
  return [
    { node, part: 'sum', reads: added.reads, makes: [sum], addends: added.reads, constants: added.constants, weighs: false },
    {
      node,
      part: 'norm',
      reads: [sum],
      makes: makes.filter((name) => name !== sum),
      addends: [],
      constants: norm.constants,
      weighs: false,
    },
  ]
}
