import {
  bitsOf,
  byteLength,
  bytesOf,
  elementCount,
  lazyPayload,
  makePayload,
  type Payload,
  readAll,
  type Tensor,
  valuesOf,
} from '@pare/onnx'

/**
 * The elements of a tensor at the kept positions of each axis, read when they are asked for. Only the rows (positions of axis 0) that a stretch
 * touches are read; memory is one row and its index.
 */
export function slicedPayload(tensor: Pick<Tensor, 'type' | 'shape' | 'data'>, kept: readonly Int32Array[]): Payload {
  const elements = elementCount(tensor.shape)
  if (elements === 0) return makePayload(new Uint8Array(0))
  if (bitsOf(tensor.type) < 8) return repackedPayload(tensor, kept)
  const width = tensor.data.byteLength / elements
  const [rows = Int32Array.of(0), ...rest] = kept
  const columns = flatten(tensor.shape.slice(1), rest)
  const sourceRow = (elements / (tensor.shape[0] ?? 1)) * width
  const targetRow = columns.length * width
  return { byteLength: rows.length * targetRow, read }

  async function read(target: Uint8Array, offset: number): Promise<void> {
    const end = offset + target.byteLength
    const source = new Uint8Array(sourceRow)
    const row = new Uint8Array(targetRow)
    for (let r = Math.floor(offset / targetRow); r * targetRow < end; r++) {
      await tensor.data.read(source, rows[r]! * sourceRow)
      gather(source, row, { columns, width })
      const [from, to] = [Math.max(offset - r * targetRow, 0), Math.min(end - r * targetRow, targetRow)]
      target.set(row.subarray(from, to), r * targetRow + from - offset)
    }
  }
}

/** The same of elements that share bytes: all are read, at the first read. */
function repackedPayload({ type, shape, data }: Pick<Tensor, 'type' | 'shape' | 'data'>, kept: readonly Int32Array[]): Payload {
  const places = flatten(shape, kept)
  return lazyPayload(byteLength(type, places.length), async () => {
    const values = valuesOf(type, await readAll(data))
    return bytesOf(
      type,
      Int32Array.from(places, (place) => Number(values[place]!)),
    )
  })
}

function gather(source: Uint8Array, target: Uint8Array, { columns, width }: { columns: Int32Array; width: number }): void {
  for (let i = 0; i < columns.length; i++) {
    const from = columns[i]! * width
    for (let b = 0; b < width; b++) target[i * width + b] = source[from + b]!
  }
}

/** Positions within a row of the elements that stay, in order. */
function flatten(shape: readonly number[], kept: readonly Int32Array[]): Int32Array {
  return kept.reduce((outer, positions, axis) => {
    const flat = new Int32Array(outer.length * positions.length)
    for (let i = 0; i < outer.length; i++) {
      for (let j = 0; j < positions.length; j++) flat[i * positions.length + j] = outer[i]! * shape[axis]! + positions[j]!
    }
    return flat
  }, Int32Array.of(0))
}
