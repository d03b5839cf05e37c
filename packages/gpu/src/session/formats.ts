import { float16ToFloat32 } from '@pare/onnx'
import { type ProductSite, packGroups } from '@pare/sparse/graph'
import { bitmapOf } from '../products/bitmap.js'
import type { DenseMatrix, DeviceMatrix } from '../products/entries.js'

type SiteMatrix = ProductSite['matrix']

/** From this share of zeros on a place for each element that is not zero is quicker to go through than all columns. */
const FEW_LEFT = 0.75

/**
 * A weight as it lies on the device: dense where it has fewer zeros than `leastSparsity`; tiles where zeros lie in such; else 2:4 groups, a bitmap, or places of
 * 16 bits, by how many zeros there are.
 */
export function deviceMatrix({ matrix, sparsity }: ProductSite, leastSparsity: number): DeviceMatrix {
  if (!(sparsity >= leastSparsity)) return denseOf(matrix)
  if (matrix.kind === 'tiles') return matrix
  if (isTwoOfFour(matrix) && !(matrix.values instanceof Int8Array)) {
    const { values, out, in: inputs } = denseOf(matrix)
    const halves = values instanceof Uint16Array
    const data = halves ? float16ToFloat32(values) : (values as Float32Array)
    return packGroups({ data, out, in: inputs, transposed: false }, { keep: 2, of: 4 }, halves ? 'f16' : 'f32')
  }
  return sparsity >= FEW_LEFT ? matrix : bitmapOf(matrix)
}

/** 'rows f32', 'tiles 4×1 f16', 'dense i8' */
export function formatName(matrix: DeviceMatrix): string {
  const { values } = matrix
  const precision = values instanceof Float32Array ? 'f32' : values instanceof Uint16Array ? 'f16' : 'i8'
  const kind =
    matrix.kind === 'tiles'
      ? `tiles ${matrix.tileRows}×${matrix.tileColumns}`
      : matrix.kind === 'groups'
        ? `${matrix.keep}:${matrix.of}`
        : matrix.kind
  return `${kind} ${precision}`
}

function isTwoOfFour({ kind, out, in: inputs, starts, columns, values }: Extract<SiteMatrix, { kind: 'rows' }>): boolean {
  // Groups with fewer are filled up, so they must be nearly full.
  if (kind !== 'rows' || values.length < 0.9 * out * (inputs / 2)) return false
  for (let row = 0; row < out; row++)
    for (let e = starts[row]! + 2; e < starts[row + 1]!; e++) if (columns[e]! >> 2 === columns[e - 2]! >> 2) return false
  return true
}

function denseOf(matrix: SiteMatrix): DenseMatrix {
  const { out, in: inputs, starts, columns, values, scales } = matrix
  const [tileRows, tileColumns] = matrix.kind === 'tiles' ? [matrix.tileRows, matrix.tileColumns] : [1, 1]
  const all =
    values instanceof Float32Array
      ? new Float32Array(out * inputs)
      : values instanceof Uint16Array
        ? new Uint16Array(out * inputs)
        : new Int8Array(out * inputs)
  for (let band = 0; band + 1 < starts.length; band++)
    for (let t = starts[band]!; t < starts[band + 1]!; t++)
      for (let i = 0; i < tileRows * tileColumns; i++) {
        const [row, column] = [band * tileRows + Math.floor(i / tileColumns), columns[t]! * tileColumns + (i % tileColumns)]
        if (row < out && column < inputs) all[row * inputs + column] = values[t * tileRows * tileColumns + i]!
      }
  return { kind: 'dense', out, in: inputs, values: all, ...(scales && { scales }) }
}
