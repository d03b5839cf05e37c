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
