import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
