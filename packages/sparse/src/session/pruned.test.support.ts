import {
  bytesOf,
  editGraph,
  editModel,
  editTensor,
  type Model,
  makePayload,
  modelBytes,
  openModel,
  readAll,
  valuesOf,
} from '@pare/onnx'
import type { TileSize } from '../pack.js'

export const models = new URL('../../../../test-models/', import.meta.url).pathname

/** The bytes of a model with a share of each of its large weights set to zero: the smallest elements, or tiles by the sum of their absolute values. */
export async function prunedBytes(path: string, sparsity: number, tile: TileSize = { rows: 1, columns: 1 }): Promise<Uint8Array> {
  await using file = await openModel(path)
  return await modelBytes(await pruned(file.model, sparsity, tile))
}

export async function pruned(model: Model, sparsity: number, tile: TileSize = { rows: 1, columns: 1 }): Promise<Model> {
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

function prune(
  values: Float32Array,
  [rows, columns]: readonly [number, number],
  { sparsity, tile }: { sparsity: number; tile: TileSize },
): void {
  const across = Math.ceil(columns / tile.columns)
  const tileOf = (i: number) =>
    Math.floor(Math.floor(i / columns) / tile.rows) * across + Math.floor((i % columns) / tile.columns)
  const scores = new Float64Array(Math.ceil(rows / tile.rows) * across)
  for (let i = 0; i < values.length; i++) scores[tileOf(i)]! += Math.abs(values[i]!)
  const border = scores.slice().sort()[Math.round(sparsity * scores.length)] ?? Number.POSITIVE_INFINITY
  for (let i = 0; i < values.length; i++) if (scores[tileOf(i)]! < border) values[i] = 0
}
