import { WEIGHT_OPERATORS } from '@pare/axes'
import { factsOf, type Model, madeBy, makeTensor, operatorName, readBy, type Tensor } from '@pare/onnx'
import { constantValues } from './constant-values.js'

/**
 * Integers that weights are sliced and reshaped by, that the graph computes from shapes of activations, and that are the same whatever the inputs: nn.MultiheadAttention
 * is exported so. Shapes are inferred only where a weight may depend on such integers.
 */
export async function fixedSizes(model: Model): Promise<ReadonlyMap<string, Tensor>> {
  const names = sizesBeforeWeights(model)
  const sizes = new Map<string, Tensor>()
  if (names.size === 0) return sizes
  const facts = await factsOf(model)
  for (const name of names) {
    const constant = facts.constant(name)
    const shape = facts.shapes.get(name)
    if (constant?.numbers.every(Number.isInteger) && shape !== undefined)
      sizes.set(name, makeTensor({ name, type: constant.type, shape, values: constant.numbers.map(BigInt) }))
  }
  return sizes
}

/** Integers that are not constant, and by which something constant is sliced or reshaped before an operator reads it as its weight. */
function sizesBeforeWeights(model: Model): ReadonlySet<string> {
  const constants = constantValues(model)
  /** Values that would be constant if those integers were. */
  const waiting = new Map<string, ReadonlySet<string>>()
  const needed = new Set<string>()
  for (const node of model.graph.nodes) {
    const [data, ...others] = readBy(node)
    if (data === undefined || constants.isConstant(node)) continue
    const inputs = WEIGHT_OPERATORS.get(operatorName(node))?.inputs ?? []
    for (const input of inputs) for (const name of waiting.get(node.inputs[input] ?? '') ?? []) needed.add(name)
    const isReady = (name: string) => constants.has(name) || waiting.has(name)
    const open = RESHAPING.has(node.op) ? others.filter((name) => !isReady(name)) : []
    const rest = RESHAPING.has(node.op) ? [data] : [data, ...others]
    if (!rest.every(isReady)) continue
    const own = new Set([...open, ...rest.flatMap((name) => [...(waiting.get(name) ?? [])])])
    for (const name of madeBy(node)) waiting.set(name, own)
  }
  return needed
}

/** Operators that read beside their data how it is sliced or reshaped. */
const RESHAPING = new Set(['Slice', 'Reshape', 'Expand', 'Tile', 'Split', 'Unsqueeze', 'Squeeze', 'Pad'])
