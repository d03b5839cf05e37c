import { slicedPayload } from '@pare/axes'
import {
  byteLength,
  bytesOf,
  chunks,
  type DataType,
  elementCount,
  makePayload,
  PareError,
  type Payload,
  readAll,
  valuesOf,
} from '@pare/onnx'
import type { KeptPlane, RewrittenPiece, TensorOutcome } from './outcome.js'
import { squeezed } from './strips.js'

/**
 * The bytes of a tensor as it is afterwards, as floats of its own type: an element that the plan left alone keeps its bits, others are rounded to nearest even. A
 * tensor that only loses rows or columns is read piece by piece; one with other numbers is in memory once. Throws PareError where copies of it would differ.
 */
export async function rewrittenPayload({ tensor, kept, planes, isCut, rewritten, ties }: TensorOutcome): Promise<Payload> {
  const left = planes !== undefined ? slicedPlanes(tensor, planes) : isCut ? slicedPayload(tensor, kept) : tensor.data
  if (rewritten.length === 0) return left
  const bytes = await withPieces(left, tensor.type, rewritten)
  for (const tie of ties) {
    const other = Buffer.from(await withPieces(left, tensor.type, tie.rewritten))
    if (!other.equals(bytes))
      throw new PareError(
        `'${tensor.name}' stands for ${tie.shown} too, and the plan gives the one other numbers than the other: a checkpoint has but one for both.`,
        {
          hint: `make the plan without one of them: --exclude '${tie.rewritten[0]!.constant.id}'`,
        },
      )
  }
  return makePayload(bytes)
}

/** Matrices of which different rows or columns stay, one after another. */
function slicedPlanes({ type, shape, data }: TensorOutcome['tensor'], planes: readonly KeptPlane[]): Payload {
  const sizes = squeezed(shape).slice(1)
  const bytes = byteLength(type, elementCount(sizes))
  const parts = planes.map(({ plane, kept }) =>
    slicedPayload({ type, shape: sizes, data: windowOf(data, plane * bytes, bytes) }, kept),
  )
  const each = parts[0]!.byteLength
  return {
    byteLength: each * parts.length,
    async read(target, offset) {
      for (let done = 0; done < target.length; ) {
        const [part, from] = [Math.floor((offset + done) / each), (offset + done) % each]
        const count = Math.min(each - from, target.length - done)
        await parts[part]!.read(target.subarray(done, done + count), from)
        done += count
      }
    },
  }
}

async function withPieces(left: Payload, type: DataType, pieces: readonly RewrittenPiece[]): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readAll(left)
  for (const piece of pieces) if (piece.constant.isRewritten) await put(piece, bytes, type)
  return bytes
}

/** Writes the elements of a constant that differ from what they were. */
async function put(
  { constant, sizes: [planes, rows, columns], plane, axis, first, count, target }: RewrittenPiece,
  bytes: Uint8Array,
  type: DataType,
): Promise<void> {
  const { type: own, data } = constant.after!
  const { byteLength: length } = data
  const width = byteLength(type, 1)
  const size = length / (planes * rows * columns)
  const begin = plane * rows * columns * size
  const stretch = (payload: Payload) => chunks(windowOf(payload, begin, rows * columns * size))
  const before = stretch(constant.sliced)
  let at = 0
  for await (const chunk of stretch(data)) {
    const values = valuesOf(own, chunk.bytes)
    const old = valuesOf(own, (await before.next()).value!.bytes)
    const converted = bytesOf(type, values)
    for (let i = 0; i < values.length; i++, at++) {
      if (Object.is(values[i], old[i]) || values[i] === old[i]) continue
      const row = Math.floor(at / columns)
      const column = at - row * columns
      const along = (axis === 0 ? row : column) - first
      if (along < 0 || along >= count) continue
      const across = axis === 0 ? column : row
      const place = target.offset + (target.along === 0 ? along * target.columns + across : across * target.columns + along)
      bytes.set(converted.subarray(i * width, (i + 1) * width), place * width)
    }
  }
}

function windowOf(payload: Payload, begin: number, length: number): Payload {
  return { byteLength: length, read: (target, offset) => payload.read(target, begin + offset) }
}
