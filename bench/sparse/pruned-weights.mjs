// Weights of products, and pruning them by magnitude in each format: for bench/sparse/correct.mjs, where quality does not matter.
import { editGraph, editModel, editTensor, makeNode, makePayload, makeTensor, readAll, valuesOf } from '@pare/onnx'

/** Formats, and which share of zeros each has. N:M has its own: 1:10 are 90 %, and 1:16, the last that there is, 93.75 %. */
export const FORMATS = {
  rows: (sparsity) => ({ rows: 1, columns: 1, sparsity }),
  '4×1': (sparsity) => ({ rows: 4, columns: 1, sparsity }),
  '1×4': (sparsity) => ({ rows: 1, columns: 4, sparsity }),
  'N:M': (sparsity) => GROUPS[sparsity],
}
const GROUPS = { 0.5: { keep: 2, of: 4 }, 0.75: { keep: 1, of: 4 }, 0.9: { keep: 1, of: 10 }, 0.95: { keep: 1, of: 16 } }

/** Weights that MatMul, Gemm and 1 × 1 Conv multiply with: W[out, in], as the file has it, and by how many nodes. Weights that are all zero, as of heads that were never trained, get numbers. */
export async function weightsOf({ graph }) {
  const weights = new Map()
  for (const tensor of graph.initializers) {
    const nodes = graph.nodes.filter(({ op, inputs }) => /^(MatMul|Gemm|Conv)$/.test(op) && inputs[1] === tensor.name)
    const [node] = nodes
    const [first, second] = tensor.shape
    const isMatrix = node?.op === 'Conv' ? tensor.shape.slice(2).every((size) => size === 1) : tensor.shape.length === 2
    if (node === undefined || tensor.type !== 'float32' || !isMatrix) continue
    const transposed = node.op === 'MatMul' || (node.op === 'Gemm' && node.attributes.get('transB') === undefined)
    const [out, inputs] = transposed ? [second, first] : [first, second]
    const values = valuesOf('float32', await readAll(tensor.data))
    const data = values.some((value) => value !== 0) ? values : values.map((_, i) => Math.sin(i))
    weights.set(tensor.name, { data, out, in: inputs, transposed, nodes: nodes.length })
  }
  return weights
}

/** The weight with the smallest elements, tiles or all but N of each M set to zero. */
export function pruned(weight, how) {
  return { ...weight, data: how.of === undefined ? prunedTiles(weight, how) : prunedGroups(weight, how) }
}

function prunedTiles({ data, out, in: inputs, transposed }, { rows, columns, sparsity }) {
  const across = Math.ceil(inputs / columns)
  const scores = new Float64Array(Math.ceil(out / rows) * across)
  const tileOf = (i) => {
    const [o, k] = transposed ? [i % out, Math.floor(i / out)] : [Math.floor(i / inputs), i % inputs]
    return Math.floor(o / rows) * across + Math.floor(k / columns)
  }
  for (let i = 0; i < data.length; i++) scores[tileOf(i)] += Math.abs(data[i])
  const border = scores.slice().sort()[Math.round(sparsity * scores.length)] ?? Number.POSITIVE_INFINITY
  return data.map((value, i) => (scores[tileOf(i)] < border ? 0 : value))
}

function prunedGroups({ data, out, in: inputs, transposed }, { keep, of }) {
  const kept = new Float32Array(data.length)
  const at = (o, k) => (transposed ? k * out + o : o * inputs + k)
  for (let o = 0; o < out; o++)
    for (let first = 0; first < inputs; first += of) {
      const group = Array.from({ length: Math.min(of, inputs - first) }, (_, p) => at(o, first + p))
      group.sort((a, b) => Math.abs(data[b]) - Math.abs(data[a]))
      for (const i of group.slice(0, keep)) kept[i] = data[i]
    }
  return kept
}

/** The model with other weights; as halves behind a Cast where they are to be stored so. */
export function withWeights(model, weights, { halves }) {
  const { graph } = model
  const casts = []
  const initializers = graph.initializers.map((tensor) => {
    const weight = weights.get(tensor.name)
    if (weight === undefined) return tensor
    const { name, shape } = tensor
    if (!halves) return editTensor(tensor, { data: makePayload(new Uint8Array(weight.data.buffer)) })
    casts.push(makeNode({ op: 'Cast', inputs: [`${name} stored`], outputs: [name], attributes: { to: 1n } }))
    return makeTensor({ name: `${name} stored`, type: 'float16', shape, values: weight.data })
  })
  return editModel(model, { graph: editGraph(graph, { nodes: [...casts, ...graph.nodes], initializers }) })
}
