import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, deflateSync } from 'node:zlib'
import { zipSync } from 'fflate'
import type { ModelValue } from './data/model-value.js'
import type { Elements, ElementType, NdArray } from './data/ndarray.js'
import { STORAGE } from './data/ndarray.js'

/** A folder that is gone when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pare-evaluate-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes a file and gives its path. */
export function put(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

export function testModel(name: string): string {
  return fileURLToPath(new URL(`../../../test-models/${name}`, import.meta.url))
}

export function input(name: string, type: string, shape: readonly (number | string)[]): ModelValue {
  return { name, type, shape }
}

export function array(type: ElementType, shape: readonly number[], values: readonly number[]): NdArray {
  const big = type === 'int64' || type === 'uint64'
  const data = (STORAGE[type] as unknown as { from(values: readonly unknown[]): Elements }).from(
    big ? values.map(BigInt) : values,
  )
  return { type, shape, data }
}

/** A .npy file of format 1.0. */
export function npyBytes(descr: string, shape: readonly number[], data: Uint8Array, fortran = false): Uint8Array {
  const dims = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${dims}, }`
  const header = `${dict.padEnd(118 - 1, ' ')}\n`
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([header.length, 0]), Buffer.from(header), data])
}

const DESCR: Partial<Record<ElementType, string>> = { float32: '<f4', float16: '<f2', int64: '<i8', uint8: '|u1', bool: '|b1' }

/** A .npz file of these arrays. */
export function npzBytes(arrays: Readonly<Record<string, NdArray>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, { type, shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return [`${name}.npy`, npyBytes(DESCR[type]!, shape, bytes)] as const
  })
  return zipSync(Object.fromEntries(files))
}

/** A frame of Zstandard (RFC 8878) whose blocks are not packed; or, of `runs`, so many blocks of 128 kB of one byte. */
export function zstdFrame(
  content: Uint8Array,
  { runs = 0, windowLog = 20 }: { runs?: number; windowLog?: number } = {},
): Uint8Array {
  const most = 2 ** 17
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3])
  const block = (type: number, size: number, isLast: boolean) => {
    const bytes = Buffer.alloc(3)
    bytes.writeUIntLE((size << 3) | (type << 1) | Number(isLast), 0, 3)
    return bytes
  }
  const count = Math.max(1, Math.ceil(content.length / most))
  const raw = Array.from({ length: runs > 0 ? 0 : count }, (_, i) => {
    const part = content.subarray(i * most, (i + 1) * most)
    return Buffer.concat([block(0, part.length, i === count - 1), part])
  })
  const repeats = Array.from({ length: runs }, (_, i) => Buffer.concat([block(1, most, i === runs - 1), Buffer.from('a')]))
  return Buffer.concat([head, ...raw, ...repeats])
}

interface StoredPixels {
  readonly width: number
  /** Bits for each pixel: 1, 2, 4, 8 or 16. */
  readonly depth?: number
  /** 0: grey; 2: colours; 3: a palette, whose colours say nothing of the classes. */
  readonly colours?: 0 | 2 | 3
}

/** A PNG of these numbers, row by row; of colours three for each pixel. */
export function storedPng(values: readonly number[], { width, depth = 8, colours = 0 }: StoredPixels): Uint8Array {
  const each = colours === 2 ? 3 : 1
  const height = values.length / each / width
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, colours], 8)
  const rows = Array.from({ length: height }, (_, y) => {
    const bits = values.slice(y * width * each, (y + 1) * width * each).map((value) => value.toString(2).padStart(depth, '0'))
    return [0, ...(bits.join('').match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2))]
  })
  const palette = Array.from({ length: 2 ** Math.min(8, depth) }, (_, i) => [(i * 71) % 256, 3, 200]).flat()
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...(colours === 3 ? [chunk('PLTE', Buffer.from(palette)), chunk('tRNS', Buffer.from([0]))] : []),
    chunk('IDAT', deflateSync(Buffer.from(rows.flat()))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
