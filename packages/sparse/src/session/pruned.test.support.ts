import {
  type AttributeValue,
  bytesOf,
  editGraph,
  editModel,
  editNode,
  editTensor,
  float16ToFloat32,
  type Model,
  makeAttribute,
  makeNode,
  makePayload,
  makeTensor,
  makeValueInfo,
  modelBytes,
  type Node,
  openModel,
  readAll,
  type Tensor,
  type ValueInfo,
  valuesOf,
} from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import type { SparseTileSize } from '../pack.js'
import type { Feeds, Results } from './parts.js'
import { SparseSession } from './sparse-session.js'

// onnxruntime-node 1.30 passes Float16Array to native code that does not know it; it looks when its first tensor is made.
Reflect.deleteProperty(globalThis, 'Float16Array')

export const models = new URL('../../../../test-models/', import.meta.url).pathname

/** Largest difference between a sparse session and ONNX Runtime, relative to the largest absolute value of the latter's result. */
export async function difference(
  bytes: Uint8Array,
  all: readonly Feeds[],
  options: ort.InferenceSession.SessionOptions = {},
): Promise<number> {
  await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0, threads: 2 })
  if (session.plan.kind !== 'sparse') throw new Error(`the plan is ${session.plan.kind}: ${session.plan.reason}`)
  const dense = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3, ...options })
  let worst = 0
  for (const feeds of all) worst = Math.max(worst, differenceOf(await dense.run(feeds), await session.run(feeds)))
  await dense.release()
  return worst
}

/** Throws where names, types or shapes differ, or nothing but zeros comes out. */
export function differenceOf(expected: Results, results: Results): number {
  let worst = 0
  for (const [name, tensor] of Object.entries(expected)) {
    const result = results[name]
    if (result?.type !== tensor.type || result.dims.join() !== tensor.dims.join())
      throw new Error(`'${name}' is ${result?.type} [${result?.dims}]`)
    const [values, others] = [numbersOf(tensor), numbersOf(result)]
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    if (values.length > 0 && !(largest > 0)) throw new Error(`'${name}' has no number but 0`)
    for (let i = 0; i < values.length; i++) worst = Math.max(worst, Math.abs(values[i]! - others[i]!) / largest)
  }
  return worst
}

/** Halves widened. */
export function inFloats(results: Results): Results {
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [name, new ort.Tensor('float32', numbersOf(tensor), tensor.dims)]),
  )
}

function numbersOf({ type, data }: ort.Tensor): Float32Array {
  return type === 'float16' ? float16ToFloat32(data as Uint16Array) : (data as Float32Array)
}

/** Inputs for the models. */
export const FEEDS: Readonly<Record<string, readonly Feeds[]>> = {
  'lm-llama': [{ input_ids: ids([2, 17], 2048) }, { input_ids: ids([1, 1], 2048) }],
  'kjv-bert': [{ input_ids: ids([3, 20], 1000), attention_mask: ones([3, 20]) }],
  'mlp-digits': [{ input: float([5, 64], 8) }, { input: float([1, 64], 8) }],
  'mnist-mobilenet-folded': [{ input: float([2, 1, 28, 28]) }],
  'mnist-mobilenet-bn': [{ input: float([1, 1, 28, 28]) }],
  'mnist-resnet20-folded': [{ input: float([3, 1, 28, 28]) }],
  'untrained/vit': [{ x: float([1, 3, 64, 64]) }],
  'untrained/densenet': [{ x: float([2, 3, 64, 64]) }],
}

export function float(dims: readonly number[], scale = 1): ort.Tensor {
  const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => scale * Math.sin(i * 1.37))
  return new ort.Tensor('float32', values, dims)
}

export function ids(dims: readonly number[], most: number): ort.Tensor {
  return new ort.Tensor(
    'int64',
    BigInt64Array.from({ length: dims[0]! * dims[1]! }, (_, i) => BigInt((i * 7919) % most)),
    dims,
  )
}

function ones(dims: readonly number[]): ort.Tensor {
  return new ort.Tensor('int64', new BigInt64Array(dims[0]! * dims[1]!).fill(1n), dims)
}

/** The bytes of a model with a share of each of its large weights set to zero: the smallest elements, or tiles by the sum of their absolute values. */
export async function prunedBytes(
  path: string,
  sparsity: number,
  tile: SparseTileSize = { rows: 1, columns: 1 },
): Promise<Uint8Array> {
  await using file = await openModel(path)
  return await modelBytes(await pruned(file.model, sparsity, tile))
}

export async function pruned(model: Model, sparsity: number, tile: SparseTileSize = { rows: 1, columns: 1 }): Promise<Model> {
  const products = new Map(
    model.graph.nodes.flatMap((node) => (/^(MatMul|Gemm|Conv)$/.test(node.op) ? [[node.inputs[1], node] as const] : [])),
  )
  const initializers = await Promise.all(
    model.graph.initializers.map(async (tensor) => {
      const node = products.get(tensor.name)
      if (
        node === undefined ||
        tensor.type !== 'float32' ||
        tensor.shape.length < 2 ||
        tensor.shape.slice(2).some((size) => size > 1)
      )
        return tensor
      const values = (valuesOf('float32', await readAll(tensor.data)) as Float32Array).slice()
      // A head that was never trained would hide what comes before it.
      if (values.every((value) => value === 0)) values.set(values.map((_, i) => Math.sin(i)))
      const stored = node.op === 'MatMul' || (node.op === 'Gemm' && node.attributes.get('transB') === undefined)
      // Down the file lie inputs where the weight is [in, out].
      prune(values, tensor.shape as [number, number], {
        sparsity,
        tile: stored ? { rows: tile.columns, columns: tile.rows } : tile,
      })
      return editTensor(tensor, { data: makePayload(bytesOf('float32', values)) })
    }),
  )
  return editModel(model, { graph: editGraph(model.graph, { initializers }) })
}

/** The model with its f32 weights of two axes and more, and biases, as halves (or bfloat16) behind a Cast each. */
export async function withStoredHalves(model: Model, type: 'float16' | 'bfloat16' = 'float16'): Promise<Model> {
  const { initializers, nodes } = model.graph
  const isChosen = ({ type, shape }: Tensor) => type === 'float32' && shape.length > 0
  const casts = initializers
    .filter(isChosen)
    .map(({ name }) => makeNode({ op: 'Cast', inputs: [`${name} stored`], outputs: [name], attributes: { to: 1n } }))
  const stored = initializers.map(async (tensor) =>
    isChosen(tensor) ? editTensor(await halved(tensor, type), { name: `${tensor.name} stored` }) : tensor,
  )
  return editModel(model, {
    graph: editGraph(model.graph, { nodes: [...casts, ...nodes], initializers: await Promise.all(stored) }),
  })
}

/** The model with halves wherever it has f32, inputs and outputs too. */
export async function inHalves(model: Model): Promise<Model> {
  const { graph } = model
  const initializers = await Promise.all(graph.initializers.map((tensor) => halved(tensor, 'float16')))
  const nodes = await Promise.all(
    graph.nodes.map(async (node) => {
      const [to, value] = [node.attributes.get('to'), node.attributes.get('value')]
      if (node.op === 'Cast' && to?.kind === 'int' && to.value === 1n) return withAttribute(node, 'to', 10n)
      return value?.kind === 'tensor' ? withAttribute(node, 'value', await halved(value.value, 'float16')) : node
    }),
  )
  const retyped = (infos: readonly ValueInfo[]) =>
    infos.map((info) => (info.type === 'float32' ? makeValueInfo({ ...info, type: 'float16' }) : info))
  const [inputs, outputs] = [retyped(graph.inputs), retyped(graph.outputs)]
  return editModel(model, { graph: editGraph(graph, { nodes, initializers, inputs, outputs, values: [] }) })
}

function withAttribute(node: Node, name: string, value: AttributeValue): Node {
  return editNode(node, { attributes: new Map([...node.attributes, [name, makeAttribute(name, value)]]) })
}

async function halved(tensor: Tensor, type: 'float16' | 'bfloat16'): Promise<Tensor> {
  if (tensor.type !== 'float32') return tensor
  const values = (valuesOf('float32', await readAll(tensor.data)) as Float32Array).map((value) =>
    Math.min(65504, Math.max(-65504, value)),
  )
  return makeTensor({ name: tensor.name, type, shape: tensor.shape, values })
}

function prune(
  values: Float32Array,
  [rows, columns]: readonly [number, number],
  { sparsity, tile }: { sparsity: number; tile: SparseTileSize },
): void {
  const across = Math.ceil(columns / tile.columns)
  const tileOf = (i: number) =>
    Math.floor(Math.floor(i / columns) / tile.rows) * across + Math.floor((i % columns) / tile.columns)
  const scores = new Float64Array(Math.ceil(rows / tile.rows) * across)
  for (let i = 0; i < values.length; i++) scores[tileOf(i)]! += Math.abs(values[i]!)
  const border = scores.slice().sort()[Math.round(sparsity * scores.length)] ?? Number.POSITIVE_INFINITY
  for (let i = 0; i < values.length; i++) if (scores[tileOf(i)]! < border) values[i] = 0
}
