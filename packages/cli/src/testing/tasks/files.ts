import { crc32, deflateSync } from 'node:zlib'
import { zipSync } from 'fflate'

/** An array of a .npz file: `f4` of 32-bit floats, `i8` of 64-bit integers. */
export interface SavedTraining {
  readonly type: 'f4' | 'i8'
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

/** As numpy.savez writes it. */
export function npz(arrays: Readonly<Record<string, SavedTraining>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, { type, shape, values }]) => {
    const data = type === 'f4' ? Float32Array.from(values) : BigInt64Array.from(values, BigInt)
    const dims = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
    const header = `{'descr': '<${type}', 'fortran_order': False, 'shape': ${dims}, }`.padEnd(117, ' ')
    const begin = Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1')
    return [`${name}.npy`, Buffer.concat([begin, Buffer.from(`${header}\n`), Buffer.from(data.buffer)])] as const
  })
  return zipSync(Object.fromEntries(files))
}

/** A PNG of RGB bytes, row by row. */
export function png(width: number, rgb: readonly number[]): Uint8Array {
  return storedPng(width, rgb, 3)
}

/** A PNG of greys, row by row: the class of each pixel. */
export function mask(width: number, classes: readonly number[]): Uint8Array {
  return storedPng(width, classes, 1)
}

function storedPng(width: number, bytes: readonly number[], channels: 1 | 3): Uint8Array {
  const height = bytes.length / channels / width
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, channels === 3 ? 2 : 0, 0, 0, 0], 8)
  const rows = Array.from({ length: height }, (_, y) => [
    0,
    ...bytes.slice(y * width * channels, (y + 1) * width * channels),
  ]).flat()
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.from(rows))), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** A WAV of one channel of 16-bit integers. */
export function wav(rate: number, integers: readonly number[]): Uint8Array {
  const data = Buffer.from(Int16Array.from(integers).buffer)
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(36 + data.length, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(2 * rate, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(data.length, 40)
  return Buffer.concat([header, data])
}

/** A tokenizer.json that knows w0, w1, … */
export function tokenizer(words: number): string {
  const vocab = Object.fromEntries(Array.from({ length: words }, (_, i) => [`w${i}`, i]))
  return JSON.stringify({
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordPiece', vocab, unk_token: 'w0', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
  })
}
