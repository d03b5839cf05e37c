import {
  editGraph,
  editModel,
  inferShapes,
  keyOf,
  type Model,
  type Node,
  operatorName,
  readAll,
  readBy,
  type Tensor,
  valuesOf,
} from '@pare/onnx'
import {
  type FoundNorm,
  normAt,
  type OwnNodes,
  type ProductSite,
  sparseSites,
  type WidenedUses,
  widenedTensor,
  widenedUsesOf,
} from '@pare/sparse/graph'
import type { LazyArray } from '../arrays/element.js'
import type { Normalisation } from '../arrays/rows.js'
import { hostArray } from '../arrays/views.js'
import { elementTypeOf } from './operators/elementwise.js'
import { operatorOf } from './operators/operators.js'
import type { NodeElsewhere } from './plan.js'

/** What is recorded at once: a product with what is fused with it, the nodes of a normalisation, or one node. */
export type DevicePart = OwnNodes &
  (
    | { readonly kind: 'product'; readonly site: ProductSite }
    | { readonly kind: 'norm'; readonly norm: Omit<Normalisation, 'axes'> }
    | { readonly kind: 'node'; readonly node: Node }
  )

/** A model as it runs on a device. */
export interface ModelParts {
  readonly model: Model
  readonly uses: WidenedUses
  readonly parts: readonly DevicePart[]
  readonly elsewhere: readonly NodeElsewhere[]
  /** What parts read and the file holds, but weights of products. */
  readonly constants: ReadonlyMap<string, LazyArray>
}

/** All products of a model, and its normalisations however they are written. */
export interface FoundParts {
  readonly sites: readonly ProductSite[]
  readonly norms: readonly FoundNorm[]
}

/** The model with its halves as f32, which they are on the device: nodes are the same, and segments of ONNX Runtime are made of the model itself. */
export function inDeviceFloats(model: Model): Model {
  const initializers = model.graph.initializers.map((tensor) =>
    /^b?float16$/.test(tensor.type) ? widenedTensor(tensor) : tensor,
  )
  return editModel(model, { graph: editGraph(model.graph, { initializers }) })
}

export async function findParts(model: Model): Promise<FoundParts> {
  const sites = await sparseSites(model, { leastSparsity: 0, fewestElements: 1, narrowFrom: 0 })
  const taken = new Set(sites.flatMap(({ nodes }) => nodes))
  const uses = widenedUsesOf(model.graph)
  const shapes = await inferShapes(model).then(
    (memory) => memory.shapes,
    () => new Map<string, readonly number[]>(),
  )
  const widthOf = (name: string) => shapes.get(name)?.at(-1)
  const norms: FoundNorm[] = []
  for (const node of model.graph.nodes) {
    if (taken.has(node) || operatorName(node).includes('Normalization')) continue
    const norm = await normAt(node, { uses, widthOf })
    if (norm === undefined || norm.norm.scale.length !== widthOf(node.inputs[0]!) || norm.nodes.some((each) => taken.has(each)))
      continue
    norms.push(norm)
    for (const each of norm.nodes) taken.add(each)
  }
  return { sites, norms }
}

/** `refused`: nodes that turned out to have no kernel for what they are given, and why, by what they are called by. */
export async function partsOf(
  model: Model,
  { sites, norms }: FoundParts,
  refused: ReadonlyMap<string, string>,
): Promise<ModelParts> {
  const uses = widenedUsesOf(model.graph)
  const isRefused = (nodes: readonly Node[]) => nodes.some((node) => refused.has(keyOf(node)))
  const parts: DevicePart[] = [
    ...sites.map(
      (site): DevicePart => ({ kind: 'product', site, nodes: site.nodes, inputs: [site.input], outputs: [site.output] }),
    ),
    ...norms.map(normPart),
  ].filter(({ nodes }) => !isRefused(nodes))
  const taken = new Set(parts.flatMap(({ nodes }) => nodes))
  const constants = new Map<string, LazyArray>()
  const elsewhere: NodeElsewhere[] = []
  const fromElsewhere = new Set<string>()
  for (const node of model.graph.nodes) {
    if (taken.has(node)) continue
    const reason =
      refused.get(keyOf(node)) ??
      whyNot(node, uses) ??
      (readBy(node).some((name) => fromElsewhere.has(name)) ? 'it reads constants that are computed elsewhere' : undefined)
    if (reason === undefined) {
      if (uses.constants.has(node.outputs[0]!)) continue
      for (const name of readBy(node))
        if (uses.constants.has(name) && !constants.has(name)) constants.set(name, await constantArray(uses.constants.get(name)!))
      const inputs = readBy(node).filter((name) => !uses.constants.has(name))
      parts.push({ kind: 'node', node, nodes: [node], inputs, outputs: node.outputs.filter((name) => name !== '') })
    } else {
      elsewhere.push({ id: keyOf(node), op: operatorName(node), reason })
      // What ONNX Runtime computes from constants alone stays within its sessions.
      if (readBy(node).every((name) => uses.constants.has(name) || fromElsewhere.has(name)))
        for (const name of node.outputs) fromElsewhere.add(name)
    }
  }
  return { model, uses, parts, elsewhere, constants }
}

function normPart({ nodes, norm: { kind, epsilon, scale, bias }, result }: FoundNorm): DevicePart {
  const vector = (numbers: Float32Array) => hostArray('f32', [numbers.length], numbers)
  const norm = { kind, epsilon, scale: vector(scale), ...(bias && { bias: vector(bias) }) }
  return { kind: 'norm', norm, nodes, inputs: [nodes[0]!.inputs[0]!], outputs: [result] }
}

/** Arrays of this process that no run changes. */
export const constantsIn = ({ parts, constants }: ModelParts): LazyArray[] => [
  ...constants.values(),
  ...parts.flatMap((part) =>
    part.kind === 'norm' ? [part.norm.scale, part.norm.bias].filter((each) => each !== undefined) : [],
  ),
]

function whyNot(node: Node, { constants }: WidenedUses): string | undefined {
  if (node.op === 'Constant' && constants.has(node.outputs[0]!)) return undefined
  if (operatorOf(node) === undefined) return 'there is no kernel for this operator'
  const odd = readBy(node).find((name) => constants.has(name) && elementTypeOf(constants.get(name)!.type) === undefined)
  if (odd !== undefined) return `it reads '${odd}' of ${constants.get(odd)!.type}`
  return [...node.attributes.values()].some(({ kind }) => kind === 'graph') ? 'it has a graph of its own' : undefined
}

async function constantArray({ type, shape, data }: Tensor): Promise<LazyArray> {
  const values = valuesOf(type, await readAll(data))
  const numbers = values instanceof BigInt64Array || values instanceof BigUint64Array ? Float64Array.from(values, Number) : values
  return hostArray(elementTypeOf(type)!, shape, numbers)
}
