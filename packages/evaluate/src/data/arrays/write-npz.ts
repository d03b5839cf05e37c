import { PareError } from '@pare/onnx'
import { Zip, ZipDeflate } from 'fflate'
import { sizeOf } from '../ndarray.js'

/** An array of bools that is read piece by piece. */
export interface BoolArray {
  readonly name: string
  readonly shape: readonly number[]
  /** u8, 0 or 1, row by row. */
  readonly elements: () => AsyncIterable<Uint8Array>
}

/**
 * The bytes of a .npz file with these arrays, packed as numpy.savez_compressed packs them, in pieces; the same arrays make the same bytes. Throws PareError
 * where they are more than such a file can hold.
 */
export async function* npzBytes(arrays: readonly BoolArray[]): AsyncGenerator<Uint8Array> {
  refuseTooLarge(arrays)
  const pieces: Uint8Array[] = []
  const zip = new Zip((error, piece) => {
    if (error !== null) throw error
    pieces.push(piece)
  })
  for (const { name, shape, elements } of arrays) {
    const entry = new ZipDeflate(`${name}.npy`, { level: 6 })
    entry.mtime = FIRST_DAY
    zip.add(entry)
    entry.push(npyHeader(shape))
    for await (const piece of elements()) {
      entry.push(piece)
      yield* pieces.splice(0)
    }
    entry.push(new Uint8Array(0), true)
    yield* pieces.splice(0)
  }
  zip.end()
  yield* pieces.splice(0)
}

/** The first day that zip files know, as NumPy has it. */
const FIRST_DAY = new Date(1980, 0, 1)

/** Format 1.0 of NumPy. Elements begin at a multiple of 64. */
function npyHeader(shape: readonly number[]): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '|b1', 'fortran_order': False, 'shape': (${dims}), }`
  const length = Math.ceil((PREFIX + text.length + 1) / 64) * 64 - PREFIX
  const header = Buffer.alloc(PREFIX + length, ' ')
  header.write('\x93NUMPY\x01\x00', 'latin1')
  header.writeUInt16LE(length, 8)
  header.write(text, PREFIX, 'latin1')
  header[header.length - 1] = 0x0a
  return header
}

const PREFIX = 10

function refuseTooLarge(arrays: readonly BoolArray[]): void {
  const bytes = arrays.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  if (bytes < MOST_BYTES && arrays.length < MOST_ARRAYS) return
  throw new PareError(
    `a .npz file holds less than ${MOST_BYTES} bytes in less than ${MOST_ARRAYS} arrays, and these are ${bytes} in ${arrays.length}.`,
    { hint: 'write a .safetensors file instead.' },
  )
}

/** Of a zip file without extensions, with room for headers. */
const MOST_BYTES = 4e9
const MOST_ARRAYS = 65535
