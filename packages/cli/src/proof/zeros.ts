import {
  chunks,
  editGraph,
  editModel,
  editTensor,
  elementCount,
  type Model,
  makeTensor,
  type Node,
  type Tensor,
  usesOf,
} from '@pare/onnx'

/**
 * The model with numbers in the place of weights that are zero throughout, for a proof: behind a last layer of zeros, or a residual branch that starts
 * with a scale of zeros, nothing is seen, and any cut would look right. A cut is right for all weights, so both models are given the same ones. The
 * model itself where no weight is zero throughout.
 */
export async function withoutZeros(model: Model): Promise<Model> {
  const { graph } = model
  const factors = factorsOf(model)
  const initializers = await Promise.all(
    graph.initializers.map(async (tensor) => (factors.has(tensor.name) && (await isZero(tensor)) ? filled(tensor) : tensor)),
  )
  const isSame = initializers.every((tensor, i) => tensor === graph.initializers[i])
  return isSame ? model : editModel(model, { graph: editGraph(graph, { initializers }) })
}

/** Operators that multiply, and which of their inputs: a sum with zeros hides nothing. */
const MULTIPLIES: Readonly<Record<string, readonly number[]>> = {
  Mul: [0, 1],
  MatMul: [0, 1],
  Gemm: [0, 1],
  Conv: [1],
  ConvTranspose: [1],
  FusedConv: [1],
  FusedMatMul: [0, 1],
  BatchNormalization: [1],
  InstanceNormalization: [1],
  GroupNormalization: [1],
  LayerNormalization: [1],
  SimplifiedLayerNormalization: [1],
  SkipLayerNormalization: [2],
  SkipSimplifiedLayerNormalization: [2],
  LSTM: [1, 2],
  GRU: [1, 2],
  RNN: [1, 2],
  Attention: [1],
  QAttention: [1],
  MoE: [2, 4, 6],
}

/** Operators that hand on the numbers that they are given. */
const HANDS_ON = new Set(['Identity', 'Transpose', 'Reshape', 'Cast', 'Squeeze', 'Unsqueeze', 'Flatten', 'Expand'])

/** Names of values that others are multiplied with, back to where they are stored. */
function factorsOf({ graph }: Model): ReadonlySet<string> {
  const { producers } = usesOf(graph)
  const factors = new Set<string>()
  for (const node of graph.nodes)
    for (const at of MULTIPLIES[node.op] ?? []) {
      const name = storedAs(node.inputs[at], producers)
      if (name !== undefined) factors.add(name)
    }
  return factors
}

function storedAs(name: string | undefined, producers: ReadonlyMap<string, Node>): string | undefined {
  const producer = name === undefined ? undefined : producers.get(name)
  if (producer === undefined) return name
  return HANDS_ON.has(producer.op) ? storedAs(producer.inputs[0], producers) : undefined
}

const FLOATS = ['float32', 'float16', 'bfloat16', 'float64'] as const

/** Weights are seldom zero at their beginning, so hardly more than that is read. */
async function isZero({ type, shape, data }: Tensor): Promise<boolean> {
  if (!FLOATS.some((float) => float === type) || elementCount(shape) === 0) return false
  for await (const chunk of chunks(data, 4096)) if (chunk.bytes.some((byte) => byte !== 0)) return false
  return true
}

/** Positive numbers of about 0.1 that differ, so that no two units are alike and every root of them is a number. */
function filled(tensor: Tensor): Tensor {
  const { type, shape } = tensor
  const values = Float32Array.from({ length: elementCount(shape) }, (_, i) => 0.05 + 0.1 * ((i * 0.6180339887) % 1))
  return editTensor(tensor, { type, data: makeTensor({ name: tensor.name, type, shape, values }).data })
}
