import {
  attributesOf,
  dataTypeCode,
  editModel,
  GraphWriter,
  type Model,
  type Node,
  readAll,
  type Tensor,
  type Uses,
  usesOf,
  valuesOf,
} from '@pare/onnx'

export interface SparseEnough {
  readonly leastSparsity: number
  readonly fewestElements: number
}

/**
 * The model with products of integers whose constant weight has enough zeros in floats: Cast(MatMulInteger(a, W, z, w)) = (a − z) · (W − w), whose sums f32
 * holds to its rounding. Others stay as they are, which the kernels for integers compute faster.
 */
export async function integersInFloats(model: Model, enough: SparseEnough): Promise<Model> {
  const { graph } = model
  const uses = usesOf(graph)
  const casts = new Map<Node, Node>()
  for (const node of graph.nodes) {
    const cast = castBehind(node, uses)
    if (cast !== undefined && (await hasZeros(node, uses, enough))) casts.set(node, cast)
  }
  if (casts.size === 0) return model
  const gone = new Set(casts.values())
  const writer = new GraphWriter(graph, 'pare_integers')
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const cast = casts.get(node)
    if (cast !== undefined) writeProduct(writer, node, cast.outputs[0]!)
    nodes.push(...(cast !== undefined ? writer.nodes.splice(0) : gone.has(node) ? [] : [node]))
  }
  return editModel(model, { graph: writer.addedTo(graph, { nodes }) })
}

/** The Cast to f32 that alone reads a product of integers with a constant matrix. */
function castBehind(node: Node, uses: Uses): Node | undefined {
  if (node.op !== 'MatMulInteger' || node.domain !== '') return undefined
  const weight = uses.constants.get(node.inputs[1]!)
  if (weight?.shape.length !== 2 || uses.constants.has(node.inputs[0]!)) return undefined
  // Zero points may be one for each row of a and column of W; nearly all models have one for all.
  const [zero = '', middle = ''] = node.inputs.slice(2)
  if (!isOne(zero, uses) && uses.producers.get(zero)?.op !== 'DynamicQuantizeLinear') return undefined
  if (!isOne(middle, uses)) return undefined
  const sums = node.outputs[0]!
  const [reader, ...others] = uses.consumers.get(sums) ?? []
  if (reader?.op !== 'Cast' || reader.domain !== '' || others.length > 0 || uses.outputs.has(sums)) return undefined
  return attributesOf(reader).int('to') === FLOAT ? reader : undefined
}

/** Whether a zero point is left out, or a constant of one element. */
function isOne(name: string, { constants }: Uses): boolean {
  const tensor = constants.get(name)
  return name === '' || (tensor !== undefined && elementsOf(tensor) === 1)
}

async function hasZeros(node: Node, uses: Uses, { leastSparsity, fewestElements }: SparseEnough): Promise<boolean> {
  const weight = uses.constants.get(node.inputs[1]!)!
  const elements = elementsOf(weight)
  if (elements < fewestElements || elements === 0) return false
  const codes = await numbersOf(weight)
  const [zero = 0] = await numbersOf(uses.constants.get(node.inputs[3] ?? ''))
  let zeros = 0
  for (let i = 0; i < codes.length; i++) if (codes[i] === zero) zeros++
  return zeros >= leastSparsity * elements
}

function writeProduct(
  writer: GraphWriter,
  { inputs: [a = '', weight = '', zero = '', middle = ''] }: Node,
  result: string,
): void {
  const floats = (name: string) => writer.node('Cast', [name], { to: BigInt(FLOAT) })
  const x = zero === '' ? floats(a) : writer.node('Sub', [floats(a), floats(zero)])
  const codes = writer.node('DequantizeLinear', [weight, writer.float(1), ...(middle === '' ? [] : [middle])])
  writer.write('MatMul', [x, codes], [result])
}

const elementsOf = ({ shape }: Tensor) => shape.reduce((a, b) => a * b, 1)

async function numbersOf(tensor: Tensor | undefined): Promise<Int8Array> {
  return tensor === undefined ? new Int8Array() : (valuesOf(tensor.type, await readAll(tensor.data)) as Int8Array)
}

const FLOAT = dataTypeCode('float32')
