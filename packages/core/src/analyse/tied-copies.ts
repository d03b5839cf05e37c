import { bitsOf, elementCount, type Model, type Tensor, visitNodes } from '@pare/onnx'
import type { Weight } from '../contract/contract.js'

/** A weight that holds the numbers of an embedding. */
export interface TiedCopy {
  /** Ids. */
  readonly weight: string
  readonly embedding: string
}

/**
 * Weights that are copies of embeddings, turned over or not: exporters that fold a Transpose store a tied embedding twice. Only tensors of the same type and
 * number of elements are read, and of large ones a sample.
 */
export async function tiedCopies(model: Model, weights: readonly Weight[]): Promise<readonly TiedCopy[]> {
  const copies: TiedCopy[] = []
  for (const [embedding, table] of embeddingsIn(model)) {
    for (const { id, tensor } of weights) {
      if (id !== embedding && isAlike(table, tensor) && (await isCopy(table, tensor))) copies.push({ weight: id, embedding })
    }
  }
  return copies
}

/** Tables that rows are looked up in. */
function embeddingsIn(model: Model): ReadonlyMap<string, Tensor> {
  const tables = new Map<string, Tensor>()
  visitNodes(model, (node, scope) => {
    if (node.op !== 'Gather' || scope.constant(node.inputs[1] ?? '') !== undefined) return
    const table = scope.constant(node.inputs[0] ?? '')
    if (table?.tensor.shape.length === 2) tables.set(table.id, table.tensor)
  })
  return tables
}

function isAlike(table: Tensor, { type, shape }: Tensor): boolean {
  if (type !== table.type || shape.length !== 2) return false
  return elementCount(shape) === elementCount(table.shape) && shape.some((size) => size === table.shape[0])
}

/** Elements that are compared at most. Of trained weights that are not tied, hardly two are equal. */
const SAMPLE = 4096

async function isCopy(table: Tensor, weight: Tensor): Promise<boolean> {
  const [rows, columns] = table.shape as [number, number]
  const count = rows * columns
  const size = bitsOf(table.type) / 8
  const isTurned = weight.shape[0] !== rows
  const places = [
    ...new Set(Array.from({ length: Math.min(count, SAMPLE) }, (_, i) => Math.floor((i * count) / Math.min(count, SAMPLE)))),
  ]
  const [one, other] = [new Uint8Array(size), new Uint8Array(size)]
  // A square may be either way round.
  const ways = rows === columns ? [false, true] : [isTurned]
  for (const turned of ways) {
    const values = new Set<string>()
    let isEqual = true
    for (const place of places) {
      const column = place % columns
      const there = turned ? column * rows + (place - column) / columns : place
      await table.data.read(one, place * size)
      await weight.data.read(other, there * size)
      isEqual = one.every((byte, i) => byte === other[i])
      if (!isEqual) break
      values.add(one.join())
    }
    // Numbers that are all the same say nothing.
    if (isEqual && values.size > 1) return true
  }
  return false
}
