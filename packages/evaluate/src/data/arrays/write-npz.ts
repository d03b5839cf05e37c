import { PareError } from '@pare/onnx'
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate'
import { sizeOf } from '../ndarray.js'

/** An array that is read piece by piece. */
export interface PieceArray {
  readonly name: string
  readonly shape: readonly number[]
  /** Default: 'bool' */
  readonly type?: keyof typeof DESCRIPTIONS
  /** The elements in little-endian bytes, row by row; of bools 0 or 1. */
  readonly elements: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** How NumPy calls types of elements. */
const DESCRIPTIONS = {
  ...{
    bool: '|b1',
    uint8: '|u1',
    int8: '|i1',
    uint16: '<u2',
    int16: '<i2',
    uint32: '<u4',
    int32: '<i4',
    uint64: '<u8',
    int64: '<i8',
  },
  ...{ float16: '<f2', float32: '<f4', float64: '<f8' },
} as const

/**
 * The bytes of a .npz file with these arrays in pieces; the same arrays make the same bytes. Bools are packed as numpy.savez_compressed packs them, numbers are stored as
 * numpy.savez stores them. Throws PareError where they are more than such a file can hold.
 */
export async function* npzBytes(arrays: readonly PieceArray[]): AsyncGenerator<Uint8Array> {
  refuseTooLarge(arrays)
  const pieces: Uint8Array[] = []
  const zip = new Zip((error, piece) => {
    if (error !== null) throw error
    pieces.push(piece)
  })
  for (const { name, shape, type = 'bool', elements } of arrays) {
    const entry = type === 'bool' ? new ZipDeflate(`${name}.npy`, { level: 6 }) : new ZipPassThrough(`${name}.npy`)
    entry.mtime = FIRST_DAY
    zip.add(entry)
    entry.push(npyHeader(shape, type))
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
function npyHeader(shape: readonly number[], type: keyof typeof DESCRIPTIONS): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${DESCRIPTIONS[type]}', 'fortran_order': False, 'shape': (${dims}), }`
  const length = Math.ceil((PREFIX + text.length + 1) / 64) * 64 - PREFIX
  const header = Buffer.alloc(PREFIX + length, ' ')
  header.write('\x93NUMPY\x01\x00', 'latin1')
  header.writeUInt16LE(length, 8)
  header.write(text, PREFIX, 'latin1')
  header[header.length - 1] = 0x0a
  return header
}

const PREFIX = 10

function refuseTooLarge(arrays: readonly PieceArray[]): void {
  const bytes = arrays.reduce((sum, { shape, type = 'bool' }) => sum + sizeOf(shape) * Number(DESCRIPTIONS[type].slice(2)), 0)
  if (bytes < MOST_BYTES && arrays.length < MOST_ARRAYS) return
  throw new PareError(
    `a .npz file holds less than ${MOST_BYTES} bytes in less than ${MOST_ARRAYS} arrays, and these are ${bytes} in ${arrays.length}.`,
    { hint: 'of masks write a .safetensors file instead; of values between blocks take fewer samples.' },
  )
}

/** Of a zip file without extensions, with room for headers. */
const MOST_BYTES = 4e9
const MOST_ARRAYS = 65535
