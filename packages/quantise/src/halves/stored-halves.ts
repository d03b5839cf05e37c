import {
  attributesOf,
  bytesOf,
  editGraph,
  editModel,
  editNode,
  editTensor,
  elementCount,
  type Model,
  operatorName,
  type Payload,
  type Tensor,
  type Uses,
  usesOf,
  valuesOf,
} from '@pare/onnx'

/** Types of weights that are rounded to fewer bits. */
export type WeightType = 'float32' | 'float16'

export function isRoundable(type: Tensor['type']): type is WeightType {
  return type === 'float32' || type === 'float16'
}

/** The tensor as f32, widened from whatever stretch is read. Itself where it is f32. */
export function widened(tensor: Tensor): Tensor {
  const { type, data } = tensor
  return type === 'float32' ? tensor : editTensor(tensor, { type: 'float32', data: payloadOf(type, data) })
}

function payloadOf(type: Tensor['type'], data: Payload): Payload {
  return {
    byteLength: 2 * data.byteLength,
    async read(target, offset) {
      const bytes = new Uint8Array(target.byteLength / 2)
      await data.read(bytes, offset / 2)
      const { buffer, byteOffset, byteLength } = valuesOf(type, bytes) as Float32Array
      target.set(new Uint8Array(buffer, byteOffset, byteLength))
    },
  }
}

/** The scale as a tensor of this type holds it, and never 0. */
export function scaleAs(type: WeightType, scale: number): number {
  if (type === 'float32') return Math.fround(scale)
  const [rounded] = valuesOf(type, bytesOf(type, [scale])) as Float32Array
  return rounded || Math.sign(scale) * LEAST_HALF
}

/** The smallest positive float16. */
const LEAST_HALF = 2 ** -24

/**
 * The model with matrices that are stored as halves and made f32 when it is loaded stored as f32, under the names of the halves: what is rounded then is rounded once. `chosen`: only these. Default: all
 */
export function withFloats(model: Model, chosen?: ReadonlySet<string>): Model {
  const uses = usesOf(model.graph)
  const names = new Map<string, string>()
  for (const [id, tensor] of uses.constants) {
    if (chosen?.has(id) === false || !isHalfMatrix(tensor)) continue
    const casts = castsOf(id, uses)
    for (const cast of casts ?? []) names.set(cast, id)
  }
  if (names.size === 0) return model
  const stored = new Set(names.values())
  const { graph } = model
  const initializers = graph.initializers.map((tensor) => (stored.has(tensor.name) ? widened(tensor) : tensor))
  const inConstants = [...stored].filter((id) => !graph.initializers.some(({ name }) => name === id))
  const nodes = graph.nodes
    .filter(({ outputs }) => !outputs.some((name) => names.has(name) || inConstants.includes(name)))
    .map((node) =>
      node.inputs.some((name) => names.has(name))
        ? editNode(node, { inputs: node.inputs.map((name) => names.get(name) ?? name) })
        : node,
    )
  const made = inConstants.map((id) => editTensor(widened(uses.constants.get(id)!), { name: id }))
  return editModel(model, { graph: editGraph(graph, { nodes, initializers: [...initializers, ...made] }) })
}

function isHalfMatrix({ type, shape }: Tensor): boolean {
  return (type === 'float16' || type === 'bfloat16') && shape.length > 1 && elementCount(shape) > 0
}

/** Values that are the constant as f32, where nothing else reads it and these are read by nodes of the graph alone. */
function castsOf(id: string, uses: Uses): readonly string[] | undefined {
  const readers = uses.consumers.get(id) ?? []
  if (uses.outputs.has(id) || readers.length === 0) return undefined
  const casts = readers.map((node) => node.outputs[0]!)
  const isWhole = readers.every((node) => operatorName(node) === 'Cast' && attributesOf(node).int('to', 0) === FLOAT)
  const isOpen = casts.some(
    (cast) => uses.outputs.has(cast) || (uses.consumers.get(cast) ?? []).some((node) => !node.inputs.includes(cast)),
  )
  return isWhole && !isOpen ? casts : undefined
}

const FLOAT = 1
