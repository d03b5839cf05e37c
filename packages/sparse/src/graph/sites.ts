import { attributesOf, type Model, type Node, type Payload, present, readAll, type Tensor, type Uses, valuesOf } from '@pare/onnx'
import type { PackedRows, PackedTiles } from '../formats.js'
import type { Activation } from '../kernels/activations.js'
import { asCodes, asHalves, chooseFormat, type DenseWeight } from '../pack.js'
import { type Codes, scalesAlong } from './dequantised-tensor.js'
import { activationAfter } from './scalar-functions.js'
import { type WidenedUses, widenedUsesOf } from './uses.js'

/** A product with a sparse constant weight, with what follows it and can be done with it. */
export interface ProductSite {
  /** The name of the product's own output: one for each place. */
  readonly id: string
  readonly op: 'MatMul' | 'Gemm' | 'Conv'
  /** The product, its bias and activation. */
  readonly nodes: readonly Node[]
  readonly input: string
  readonly output: string
  readonly weight: string
  /** Whether the file has integers as its weight. */
  readonly integers: boolean
  readonly matrix: PackedRows | PackedTiles
  readonly sparsity: number
  readonly bias?: Float32Array
  readonly activation?: Activation
}

export interface SiteOptions {
  /** Weights with fewer zeros, as a share, are left to ONNX Runtime. */
  readonly leastSparsity: number
  /** Weights with fewer elements are left to ONNX Runtime: handing over takes longer than the product. */
  readonly fewestElements: number
  /** Values are stored as codes or halves, where that is exact, once all of them together have as many bytes in f32. */
  readonly narrowFrom: number
}

/** All products with sparse weights of the main graph, in its order. Reads the weights one by one; one that two products share is packed once. */
export async function sparseSites(model: Model, options: SiteOptions): Promise<ProductSite[]> {
  const uses = widenedUsesOf(model.graph)
  const packed = new Map<string, Packed | undefined>()
  const sites: ProductSite[] = []
  for (const node of model.graph.nodes) {
    const product = productOf(node, uses)
    if (product === undefined) continue
    const key = `${product.tensor.name === '' ? node.inputs[1] : product.tensor.name} ${product.transposed}`
    if (!packed.has(key)) packed.set(key, await pack(product, options))
    const weight = packed.get(key)
    if (weight === undefined) continue
    sites.push(await fused({ node, product, weight }, uses))
  }
  const weights = [...packed.values()].filter((weight) => weight !== undefined)
  const bytes = weights.reduce((sum, { matrix }) => sum + matrix.values.byteLength, 0)
  if (bytes < options.narrowFrom) return sites
  const narrowed = new Map(weights.map(({ matrix, scales }) => [matrix, scales ? asCodes(matrix, scales) : asHalves(matrix)]))
  return sites.map((site) => ({ ...site, matrix: narrowed.get(site.matrix)! }))
}

interface Product {
  readonly op: ProductSite['op']
  readonly tensor: Tensor
  readonly out: number
  readonly in: number
  readonly transposed: boolean
  /** Factor of the weight. */
  readonly alpha: number
  /** Where the file has integers. */
  readonly codes?: Codes
  /** Name of a constant to add, and a factor. */
  readonly bias?: string
  readonly beta: number
}

/** The product that a node is; undefined where it is none, or not with a constant matrix. */
function productOf(node: Node, uses: WidenedUses): Product | undefined {
  const tensor = uses.constants.get(node.inputs[1] ?? '')
  if (node.domain !== '' || tensor === undefined || tensor.type !== 'float32' || uses.constants.has(node.inputs[0]!))
    return undefined
  const [rows = 0, columns = 0] = tensor.shape
  const bias = node.inputs[2] === undefined || node.inputs[2] === '' ? {} : { bias: node.inputs[2] }
  const plain = { tensor, alpha: 1, beta: 1, ...present({ codes: uses.codes.get(node.inputs[1]!) }) }
  switch (node.op) {
    case 'MatMul':
      return tensor.shape.length === 2 ? { ...plain, op: 'MatMul', out: columns, in: rows, transposed: true } : undefined
    case 'Gemm': {
      const { int, float } = attributesOf(node)
      const transposed = int('transB', 0) === 0
      if (int('transA', 0) !== 0 || tensor.shape.length !== 2 || !isVector(bias.bias, transposed ? columns : rows, uses))
        return undefined
      const [out, inputs] = transposed ? [columns, rows] : [rows, columns]
      return {
        ...plain,
        ...bias,
        op: 'Gemm',
        out,
        in: inputs,
        transposed,
        alpha: float('alpha', 1),
        beta: float('beta', 1),
      }
    }
    case 'Conv':
      if (!isPointwise(node, tensor) || !isVector(bias.bias, rows, uses)) return undefined
      return { ...plain, ...bias, op: 'Conv', out: rows, in: columns, transposed: false }
    default:
      return undefined
  }
}

/** Whether a name is left out, or a constant with one number for each output, or one for all. */
function isVector(name: string | undefined, out: number, { constants }: Uses): boolean {
  if (name === undefined) return true
  const tensor = constants.get(name)
  if (tensor === undefined || tensor.type !== 'float32') return false
  const size = tensor.shape.at(-1) ?? 1
  return tensor.shape.slice(0, -1).every((axis) => axis === 1) && (size === out || size === 1)
}

function isPointwise(node: Node, { shape }: Tensor): boolean {
  const { int, ints, string } = attributesOf(node)
  const all = (name: string, value: number) => ints(name, []).every((each) => each === value)
  return (
    shape.length >= 3 &&
    shape.slice(2).every((size) => size === 1) &&
    !string('auto_pad', '').startsWith('SAME') &&
    int('group', 1) === 1 &&
    all('strides', 1) &&
    all('pads', 0)
  )
}

interface Packed {
  readonly matrix: PackedRows | PackedTiles
  readonly sparsity: number
  /** f32[out]: what makes floats of the integers that the file has. */
  readonly scales?: Float32Array
}

async function pack(product: Product, { leastSparsity, fewestElements }: SiteOptions): Promise<Packed | undefined> {
  const { tensor, out, in: inputs, transposed, alpha, codes } = product
  const elements = out * inputs
  if (elements < fewestElements || elements === 0) return undefined
  const data = await floatsOf(tensor.data)
  let zeros = 0
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++
  const sparsity = zeros / elements
  if (!(sparsity >= leastSparsity)) return undefined
  const weight: DenseWeight = { data: alpha === 1 ? data : data.map((value) => value * alpha), out, in: inputs, transposed }
  const scales = codes && alpha === 1 ? await scalesAlong(transposed ? 1 : 0, codes) : undefined
  return { matrix: chooseFormat(weight), sparsity, ...present({ scales }) }
}

/** All elements, read straight into place: an array of bytes ends at 4 GiB in Node 20, one of floats does not. */
async function floatsOf(data: Payload): Promise<Float32Array> {
  const floats = new Float32Array(data.byteLength / 4)
  for (let offset = 0; offset < data.byteLength; offset += STRETCH) {
    await data.read(new Uint8Array(floats.buffer, offset, Math.min(STRETCH, data.byteLength - offset)), offset)
  }
  return floats
}

const STRETCH = 1 << 26

/** The site of a product, with bias and activation where the graph has them right behind it. */
async function fused(
  { node, product, weight }: { node: Node; product: Product; weight: Packed },
  uses: Uses,
): Promise<ProductSite> {
  const nodes = [node]
  let output = node.outputs[0]!
  let bias = product.bias === undefined ? undefined : await vectorOf(product.bias, product, uses)
  const added = bias === undefined ? biasAfter(output, product, uses) : undefined
  if (added !== undefined) {
    nodes.push(added.node)
    output = added.node.outputs[0]!
    bias = await vectorOf(added.name, { ...product, beta: 1 }, uses)
  }
  const applied = await activationAfter(output, uses)
  if (applied !== undefined) {
    nodes.push(...applied.nodes)
    output = applied.result
  }
  return {
    id: node.outputs[0]!,
    op: product.op,
    nodes,
    input: node.inputs[0]!,
    output,
    weight: product.tensor.name || node.inputs[1]!,
    integers: product.codes !== undefined,
    matrix: weight.matrix,
    sparsity: weight.sparsity,
    ...present({ bias }),
    ...(applied && { activation: applied.activation }),
  }
}

/** An Add of a constant vector that alone reads a product's output. */
function biasAfter(value: string, { op, out }: Product, uses: Uses): { node: Node; name: string } | undefined {
  const [node, ...others] = uses.consumers.get(value) ?? []
  if (
    op === 'Conv' ||
    node === undefined ||
    others.length > 0 ||
    uses.outputs.has(value) ||
    node.op !== 'Add' ||
    node.domain !== ''
  )
    return undefined
  const name = node.inputs.find((each) => each !== value)
  // More axes than the product has would add to its shape: a bias of one axis adds none.
  const plain = name !== undefined && (uses.constants.get(name)?.shape.length ?? 2) <= 1
  return plain && isVector(name, out, uses) ? { node, name } : undefined
}

async function vectorOf(name: string, { out, beta }: Product, { constants }: Uses): Promise<Float32Array> {
  const tensor = constants.get(name)!
  const values = valuesOf(tensor.type, await readAll(tensor.data)) as Float32Array
  return Float32Array.from({ length: out }, (_, i) => beta * (values.length === 1 ? values[0]! : values[i]!))
}
