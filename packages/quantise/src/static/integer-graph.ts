import {
  elementCount,
  keyOf,
  type Model,
  type Node,
  operatorName,
  readAll,
  type Tensor,
  type Use,
  type Uses,
  usesOf,
} from '@pare/onnx'
import { isProduct, unitAxis } from '../place.js'
import { floats } from '../scales.js'
import { constantBehind } from './normalization.js'

/** A product with a weight that is computed in integers. */
export interface IntegerProduct {
  readonly node: Node
  /** Name of the constant. */
  readonly weight: string
  /** Of the weight, along which its output units lie. */
  readonly axis: number
  readonly units: number
}

/** A value that is rounded to 8 bits once, with one scale. */
export interface RoundedValue {
  readonly id: string
  /** Where its scale comes from: itself, or the value that it only rearranges. */
  readonly like: string
  /** Made in integers, so that everybody reads the rounded one. Else only products and what stands between them do. */
  readonly isMade: boolean
  /** What a Relu or Clip before it lets through at most and at least. */
  readonly bounds: readonly [low: number, high: number]
}

/** What of a model is computed in integers. */
export interface IntegerGraph {
  /** By key of the node. */
  readonly products: ReadonlyMap<string, IntegerProduct>
  /** Keys of nodes between products: they read the rounded values, too. */
  readonly between: ReadonlySet<string>
  /** By name, in the order of the graph. */
  readonly values: ReadonlyMap<string, RoundedValue>
}

/** Whether a weight is multiplied in integers with ranges that are known beforehand, wherever it is read. */
export function isStaticWeight(id: string, tensor: Tensor, uses: Uses): boolean {
  const places = uses.of(id)
  if (places.length === 0 || uses.outputs.has(id) || tensor.type !== 'float32') return false
  if (uses.consumers.get(id)!.some((node) => !node.inputs.includes(id))) return false
  const axes = new Set(places.map((place) => (isStatic(place, tensor, uses) ? unitAxis(place, tensor) : undefined)))
  return axes.size === 1 && !axes.has(undefined)
}

function isStatic(place: Use, tensor: Tensor, uses: Uses): boolean {
  const { node, input } = place
  const bias = node.inputs[2] ? constantBehind(node.inputs[2], uses) : null
  if (bias === undefined || constantBehind(node.inputs[0]!, uses) !== undefined) return false
  const units = tensor.shape[unitAxis(place, tensor) ?? -1]
  if (bias !== null && (bias.type !== 'float32' || elementCount(bias.shape) !== units)) return false
  return (operatorName(node) === 'Conv' && input === 1) || isProduct(place, tensor)
}

/** What is computed in integers where these weights are. Linear in nodes. */
export async function integerGraph({ graph }: Model, weights: ReadonlySet<string>): Promise<IntegerGraph> {
  const uses = usesOf(graph)
  const reader = { uses, clips: await clipsOf(graph.nodes, uses) }
  const products = productsOf(graph.nodes, weights, uses)
  const between = nodesBetween(graph.nodes, products, reader)
  const readBy = (value: string, isReader: (use: Use) => boolean) => uses.of(value).some(isReader)
  const readByProduct = (value: string) => readBy(value, ({ node, input }) => input === 0 && products.has(keyOf(node)))
  const readBetween = (value: string) => readBy(value, ({ node }) => between.has(keyOf(node)))
  const values = new Map<string, RoundedValue>()
  const add = (id: string, bounds: RoundedValue['bounds'], { isMade = false, like = id } = {}) =>
    values.set(id, { id, like, isMade, bounds })
  for (const { name } of graph.inputs) if (readByProduct(name)) add(name, UNBOUNDED)
  for (const node of graph.nodes) {
    const key = keyOf(node)
    const closed = closing(node, reader)
    if (between.has(key)) {
      const like = BETWEEN[operatorName(node)]!.rearranges ? values.get(node.inputs[0]!)!.like : closed.value
      add(closed.value, closed.bounds, { isMade: true, like })
    } else if (products.has(key) && (operatorName(node) === 'Conv' || readBetween(closed.value)))
      add(closed.value, closed.bounds, { isMade: true })
    for (const id of node.outputs)
      if (!values.has(id) && id !== '' && readByProduct(id)) add(id, boundsOf(node, reader) ?? UNBOUNDED)
  }
  return { products, between, values }
}

function productsOf(nodes: readonly Node[], weights: ReadonlySet<string>, { constants }: Uses): Map<string, IntegerProduct> {
  const products = new Map<string, IntegerProduct>()
  for (const node of nodes) {
    const weight = node.inputs[1] ?? ''
    if (!weights.has(weight)) continue
    const tensor = constants.get(weight)!
    const axis = unitAxis({ node, input: 1 }, tensor)!
    products.set(keyOf(node), { node, weight, axis, units: tensor.shape[axis]! })
  }
  return products
}

const UNBOUNDED = [-Infinity, Infinity] as const

/** Operators that ONNX Runtime's CPU provider computes in integers of 8 bits. */
const BETWEEN: Readonly<Record<string, { readonly reads: 'first' | 'all'; readonly rearranges?: true }>> = {
  Add: { reads: 'all' },
  Mul: { reads: 'all' },
  Concat: { reads: 'all' },
  AveragePool: { reads: 'first' },
  GlobalAveragePool: { reads: 'first' },
  LeakyRelu: { reads: 'first' },
  // The largest of some elements is one of them.
  MaxPool: { reads: 'first', rearranges: true },
  Reshape: { reads: 'first', rearranges: true },
  Flatten: { reads: 'first', rearranges: true },
  Transpose: { reads: 'first', rearranges: true },
  Squeeze: { reads: 'first', rearranges: true },
  Unsqueeze: { reads: 'first', rearranges: true },
}

/** Keys of the nodes that lie on a way from integers to a product, all of whose inputs are integers. */
function nodesBetween(
  nodes: readonly Node[],
  products: ReadonlyMap<string, IntegerProduct>,
  reader: Reader,
): ReadonlySet<string> {
  const { uses } = reader
  const integers = new Set<string>()
  const candidates: Node[] = []
  for (const node of nodes) {
    const isProduct = products.has(keyOf(node))
    const kind = BETWEEN[operatorName(node)]
    const read = kind?.reads === 'all' ? node.inputs : node.inputs.slice(0, 1)
    const isCandidate = !isProduct && kind !== undefined && node.outputs.length === 1 && read.every((name) => integers.has(name))
    if (isCandidate) candidates.push(node)
    if (isProduct || isCandidate) integers.add(closing(node, reader).value)
  }
  const between = new Set<string>()
  for (const node of candidates.reverse()) {
    const leads = uses.of(closing(node, reader).value).some((use) => {
      const key = keyOf(use.node)
      return between.has(key) || (use.input === 0 && products.has(key))
    })
    if (leads) between.add(keyOf(node))
  }
  return between
}

/** What is rounded where a node computes in integers: behind a Relu or Clip that nothing stands before, since rounding does what these do. */
function closing(node: Node, reader: Reader): { readonly value: string; readonly bounds: RoundedValue['bounds'] } {
  const { uses } = reader
  const [out] = node.outputs
  const own = { value: out!, bounds: UNBOUNDED }
  if (BETWEEN[operatorName(node)]?.rearranges) return own
  const readers = uses.consumers.get(out!) ?? []
  if (readers.length !== 1 || uses.outputs.has(out!) || readers[0]!.inputs[0] !== out) return own
  const bounds = boundsOf(readers[0]!, reader)
  return bounds === undefined ? own : { value: readers[0]!.outputs[0]!, bounds }
}

/** Of a Relu, or of a Clip with constant bounds around 0. */
function boundsOf(node: Node, { clips }: Reader): RoundedValue['bounds'] | undefined {
  return operatorName(node) === 'Relu' ? [0, Infinity] : clips.get(keyOf(node))
}

interface Reader {
  readonly uses: Uses
  /** By key of the node. */
  readonly clips: ReadonlyMap<string, RoundedValue['bounds']>
}

/** Bounds of Clips whose bounds are constants around 0. */
async function clipsOf(nodes: readonly Node[], { constants }: Uses): Promise<Reader['clips']> {
  const clips = new Map<string, RoundedValue['bounds']>()
  for (const node of nodes) {
    if (operatorName(node) !== 'Clip') continue
    const [low, high] = await Promise.all(
      [1, 2].map((input) => boundAt(node.inputs[input] ?? '', UNBOUNDED[input - 1]!, constants)),
    )
    if (low !== undefined && high !== undefined && low <= 0 && high >= 0) clips.set(keyOf(node), [low, high])
  }
  return clips
}

async function boundAt(name: string, otherwise: number, constants: Uses['constants']): Promise<number | undefined> {
  if (name === '') return otherwise
  const tensor = constants.get(name)
  return tensor?.type === 'float32' && elementCount(tensor.shape) === 1 ? floats(await readAll(tensor.data))[0] : undefined
}
