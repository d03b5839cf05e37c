import { attributesOf, elementCount, isFloat, type ModelFacts, type Node, operatorName, type Tensor, type Uses } from '@pare/onnx'
import { isProduct, nameOf, unitAxis } from '../place.js'
import { constantBehind } from '../static/normalization.js'

/** An input of a node, a constant, whose places along one axis are divided by the factors of the columns of what follows. */
export interface Absorber {
  readonly node: Node
  readonly input: number
  readonly axis: number
}

export interface Absorbing {
  readonly uses: Uses
  readonly facts: ModelFacts
  /** Of the value that is to be divided: the size of its last axis. */
  readonly columns: number
}

/** What must be divided so that the columns of a value are, and nothing else is. A reason where nothing can be. */
export function absorbersOf(value: string, absorbing: Absorbing): readonly Absorber[] | string {
  const node = absorbing.uses.producers.get(value)
  if (node === undefined) return `'${value}' is an input of the model`
  const op = operatorName(node)
  const vectors = NORMS[op]
  if (vectors !== undefined) return node.outputs[0] === value ? vectorsOf(node, vectors, absorbing) : cannot(node)
  if (HOMOGENEOUS.has(op) || isFloatCast(node)) return behind(node, 0, absorbing)
  switch (op) {
    case 'MatMul':
    case 'Gemm':
      return columnsOf(node, absorbing)
    case 'Mul':
    case 'Div':
      return ofProduct(node, absorbing)
    case 'Add':
    case 'Sub':
      return ofSum(node, absorbing)
    case 'Reshape':
      return ofHeads(node, absorbing)
    default:
      return cannot(node)
  }
}

/** Inputs by which a norm multiplies what it normalised, and what it adds. */
const NORMS: Readonly<Record<string, readonly number[]>> = {
  LayerNormalization: [1, 2],
  RMSNormalization: [1],
  SimplifiedLayerNormalization: [1],
  'com.microsoft.SkipLayerNormalization': [2, 3],
  'com.microsoft.SkipSimplifiedLayerNormalization': [2],
}

/** f(x ÷ s) = f(x) ÷ s for s > 0. */
const HOMOGENEOUS: ReadonlySet<string> = new Set(['Identity', 'Relu', 'LeakyRelu', 'PRelu', 'Dropout'])

/** Of float32, float16 and bfloat16. */
const FLOAT_CODES = [1, 10, 16]

function isFloatCast(node: Node): boolean {
  return operatorName(node) === 'Cast' && FLOAT_CODES.includes(attributesOf(node).int('to', 0))
}

function cannot(node: Node): string {
  return `${node.op} '${nameOf(node)}' makes its input, and has no constant that could be divided`
}

/** Of an input of a node that nobody else reads the values of. */
function behind(node: Node, input: number, absorbing: Absorbing): readonly Absorber[] | string {
  const name = node.inputs[input]!
  const other = otherReader(name, node, absorbing.uses)
  return other ?? absorbersOf(name, absorbing)
}

function otherReader(value: string, reader: Node, uses: Uses): string | undefined {
  if (uses.outputs.has(value)) return `'${value}' before it is an output of the model`
  const others = (uses.consumers.get(value) ?? []).filter((node) => node !== reader && !readsOnlyShape(node))
  if (others.length > 0) return `'${value}' before it is read by ${others[0]!.op} '${nameOf(others[0]!)}', too`
  return uses.of(value).filter(({ node }) => node === reader).length > 1 ? cannot(reader) : undefined
}

export function readsOnlyShape(node: Node): boolean {
  return operatorName(node) === 'Shape' || operatorName(node) === 'Size'
}

function vectorsOf(node: Node, inputs: readonly number[], { uses, columns }: Absorbing): readonly Absorber[] | string {
  const absorbers: Absorber[] = []
  for (const input of inputs) {
    const name = node.inputs[input] ?? ''
    if (name === '') continue
    const axis = vectorAxis(constantBehind(name, uses), columns)
    if (axis === undefined) return `'${name}' of ${node.op} '${nameOf(node)}' is no constant of ${columns} floats`
    absorbers.push({ node, input, axis })
  }
  return absorbers.length === 0 ? cannot(node) : absorbers
}

/** The axis of a constant that has one element for each column, and nothing else. */
function vectorAxis(tensor: Tensor | undefined, columns: number): number | undefined {
  if (tensor === undefined || !isFloat(tensor.type)) return undefined
  return elementCount(tensor.shape) === columns && tensor.shape.at(-1) === columns ? tensor.shape.length - 1 : undefined
}

/** Output columns of a product with a constant, and its bias. */
function columnsOf(node: Node, { uses, columns }: Absorbing): readonly Absorber[] | string {
  const name = node.inputs[1] ?? ''
  const tensor = uses.constants.get(name)
  if (tensor === undefined || !isFloat(tensor.type)) return cannot(node)
  const axis = unitAxis({ node, input: 1 }, tensor)!
  if (tensor.shape.length !== 2 || tensor.shape[axis] !== columns || !isProduct({ node, input: 1 }, tensor)) return cannot(node)
  if (uses.consumers.get(name)!.length > 1 || uses.outputs.has(name)) return `'${name}' before it is read elsewhere, too`
  const bias = (node.inputs[2] ?? '') === '' ? [] : vectorsOf(node, [2], { uses, columns } as Absorbing)
  return typeof bias === 'string' ? bias : [{ node, input: 1, axis }, ...bias]
}

/** One side is divided: a constant with an element for each column, or what makes one of two values. */
function ofProduct(node: Node, absorbing: Absorbing): readonly Absorber[] | string {
  const sides = operatorName(node) === 'Mul' ? [0, 1] : [0]
  const reasons: string[] = []
  for (const input of sides) {
    const axis = vectorAxis(constantBehind(node.inputs[input]!, absorbing.uses), absorbing.columns)
    if (axis !== undefined) return [{ node, input, axis }]
  }
  for (const input of sides) {
    const absorbers = absorbing.uses.constants.has(node.inputs[input]!) ? cannot(node) : behind(node, input, absorbing)
    if (typeof absorbers !== 'string') return absorbers
    reasons.push(absorbers)
  }
  return reasons.find((reason) => reason !== cannot(node)) ?? cannot(node)
}

/** Both sides are divided. */
function ofSum(node: Node, absorbing: Absorbing): readonly Absorber[] | string {
  const sides = [0, 1].map((input) =>
    constantBehind(node.inputs[input]!, absorbing.uses) === undefined
      ? behind(node, input, absorbing)
      : vectorsOf(node, [input], absorbing),
  )
  return sides.find((side) => typeof side === 'string') ?? (sides as (readonly Absorber[])[]).flat()
}

/**
 * Heads that are put side by side: what attention weighs, which is linear in each column, and whose columns are those of the product before it. As exporters write it:
 * Reshape(Transpose(MatMul(p, Transpose(Reshape(v))))), [batch, seq, heads · headDim] with as many heads on both sides.
 */
function ofHeads(node: Node, absorbing: Absorbing): readonly Absorber[] | string {
  const { uses, facts, columns } = absorbing
  const way = [node]
  let input = 0
  for (const { op, leadsOn } of HEADS) {
    const reader = way.at(-1)!
    const name = reader.inputs[input]!
    const producer = uses.producers.get(name)
    if (producer === undefined || operatorName(producer) !== op || otherReader(name, reader, uses) !== undefined)
      return cannot(node)
    if (op === 'Transpose' && attributesOf(producer).ints('perm', []).join() !== '0,2,1,3') return cannot(node)
    way.push(producer)
    input = leadsOn
  }
  const [apart, split] = [way[1]!, way[4]!].map(({ outputs }) => facts.dims(outputs[0]!)?.slice(-2) ?? [])
  const whole = facts.dims(way[4]!.inputs[0]!)
  const [heads, headDim] = split!
  const isSame = heads === apart![0] && headDim === apart![1] && whole?.length === 3 && whole[2] === columns
  return isSame && Number(heads) * Number(headDim) === columns ? behind(way[4]!, 0, absorbing) : cannot(node)
}

const HEADS = [
  { op: 'Transpose', leadsOn: 0 },
  { op: 'MatMul', leadsOn: 1 },
  { op: 'Transpose', leadsOn: 0 },
  { op: 'Reshape', leadsOn: 0 },
]
