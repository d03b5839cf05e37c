import { bytesOf, elementCount, makePayload, type Payload, readAll, type Tensor } from '@pare/onnx'
import type { Rows } from '../contract/contract.js'
import { rowElement } from '../select/rows.js'
import { floatsOf, floatType } from './stream.js'

/** A weight as matrices [rows × columns] of f32, row by row: one, or one for each group of a convolution. */
export interface Matrices {
  readonly rows: number
  readonly columns: number
  readonly parts: readonly Float32Array[]
}

/** Reads a weight. `groups` share its rows evenly, in order. */
export async function readMatrices(tensor: Tensor, rows: Rows, groups: number): Promise<Matrices> {
  const floats = floatsOf(await readAll(tensor.data), floatType(tensor), 'f32') as Float32Array
  const columns = rows.before * rows.after
  const each = (rows.batch * rows.out) / groups
  const parts = Array.from({ length: groups }, (_, g) => {
    const part = new Float32Array(each * columns)
    for (let r = 0; r < each; r++)
      for (let c = 0; c < columns; c++) part[r * columns + c] = floats[rowElement(rows, g * each + r, c)]!
    return part
  })
  return { rows: each, columns, parts }
}

/** The elements of a weight again, in the order and type of its tensor. */
export function matricesPayload(
  tensor: Tensor,
  rows: Rows,
  { rows: each, columns, parts }: Matrices,
): { floats: Float32Array; data: Payload } {
  const floats = new Float32Array(elementCount(tensor.shape))
  for (const [g, part] of parts.entries()) {
    for (let r = 0; r < each; r++)
      for (let c = 0; c < columns; c++) floats[rowElement(rows, g * each + r, c)] = part[r * columns + c]!
  }
  return { floats, data: makePayload(bytesOf(tensor.type, floats)) }
}
