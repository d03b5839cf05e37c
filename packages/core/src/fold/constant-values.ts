import {
  type Attributes,
  attributesOf,
  constantsOf,
  type DataType,
  isRandom,
  type LocalFunction,
  type Model,
  madeBy,
  type Node,
  operatorName,
  readBy,
  type Tensor,
} from '@pare/onnx'

/** What the main graph of a model stores, and what it computes from that alone. */
export interface ConstantValues {
  /** Whether a value is stored, or computed from what is stored alone. */
  has(name: string): boolean
  /** The tensor of an initializer or of a Constant node. */
  stored(name: string): Tensor | undefined
  isSparse(name: string): boolean
  /** The node that computes a constant value. Undefined for what is stored. */
  maker(name: string): Node | undefined
  /** Whether a node computes with constants only. */
  isConstant(node: Node): boolean
  /** The type of a constant value, as far as it follows from the operators. */
  typeOf(name: string): DataType | undefined
}

/** Linear in the inputs of nodes. `sizes`: values that are the same at every run, though they are computed from shapes of activations. */
export function constantValues(model: Model, sizes: ReadonlyMap<string, Tensor> = new Map()): ConstantValues {
  const { graph } = model
  const tensors = new Map([...constantsOf(graph), ...sizes])
  const sparse = new Set(graph.sparseInitializers)
  const constantNames = new Set([...graph.initializers.map(({ name }) => name), ...sparse, ...sizes.keys()])
  const makers = new Map<string, Node>()
  const isRepeatable = repeatable(model)
  const constants = new Set<Node>()
  for (const node of graph.nodes) {
    if (!isRepeatable(node) || !readBy(node).every((name) => constantNames.has(name))) continue
    constants.add(node)
    for (const name of madeBy(node)) {
      constantNames.add(name)
      if (!tensors.has(name)) makers.set(name, node)
    }
  }
  const values: ConstantValues = {
    has: (name) => constantNames.has(name),
    stored: (name) => tensors.get(name),
    isSparse: (name) => sparse.has(name),
    maker: (name) => makers.get(name),
    isConstant: (node) => constants.has(node),
    typeOf(name) {
      let value: string | undefined = name
      // Each step goes to an earlier node.
      while (value !== undefined) {
        const tensor = tensors.get(value)
        if (tensor !== undefined) return tensor.type
        const node = makers.get(value)
        if (node === undefined) return undefined
        const own = typeOfResult(node)
        if (own !== undefined) return own
        value = node.inputs[node.op === 'Where' ? 1 : 0]
      }
      return undefined
    },
  }
  return values
}

/** The type that a node gives whatever its first input has. */
function typeOfResult(node: Node): DataType | undefined {
  const attributes = attributesOf(node)
  if (node.op === 'Cast') return BY_NUMBER.get(attributes.int('to') ?? 0) ?? 'int64'
  if (node.op === 'ConstantOfShape') return attributes.tensor('value')?.type ?? 'float32'
  if (node.op === 'Constant') return typeOfNumbers(attributes)
  return INTEGERS.has(node.op) ? 'int64' : CHOICES.has(node.op) ? 'bool' : undefined
}

function typeOfNumbers({ has }: Attributes): DataType | undefined {
  if (has('value_float') || has('value_floats')) return 'float32'
  return has('value_int') || has('value_ints') ? 'int64' : undefined
}

/** Numbers of floats in `TensorProto.DataType`. */
const BY_NUMBER: ReadonlyMap<number, DataType> = new Map([
  [1, 'float32'],
  [10, 'float16'],
  [11, 'float64'],
  [16, 'bfloat16'],
])

const INTEGERS = new Set(['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero'])
const CHOICES = new Set('And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Xor'.split(' '))

/** Whether a node gives the same numbers each time, and is one that run times know. */
function repeatable({ functions }: Model): (node: Node) => boolean {
  const callees = new Map(functions.map((each) => [keyOfFunction(each), each]))
  const anyRandom = functions.some(({ nodes }) => nodes.some(isRandom))
  return (node) => {
    if (callees.has(operatorName(node)) || callees.has(`.${node.op}`)) return !anyRandom
    return DOMAINS.has(node.domain) && !isRandom(node)
  }
}

const DOMAINS = new Set(['', 'ai.onnx', 'com.microsoft'])

function keyOfFunction({ domain, name }: LocalFunction): string {
  return operatorName({ domain, op: name })
}
