import { createHash } from 'node:crypto'
import type { Batch } from './dataset.js'
import type { NdArray } from './ndarray.js'

/** Bytes of a fingerprint: two samples of a million share one by chance once in 10⁷ data sets. */
const FINGERPRINT_BYTES = 8

/**
 * What tells the samples of a batch apart by what a model is fed, whatever file they came from: the first bytes of the SHA-1 of each, one after another. Labels
 * do not count, nor tokens that only fill a row up.
 */
export function fingerprints({ inputs, strings = {}, tokens, size }: Batch): Uint8Array {
  const names = Object.keys(inputs).sort()
  const mask = inputs.attention_mask
  const prints = new Uint8Array(size * FINGERPRINT_BYTES)
  for (let row = 0; row < size; row++) {
    const hash = createHash('sha1')
    for (const name of names) {
      const array = inputs[name]!
      // What follows from the tokens says nothing more.
      if (tokens !== undefined && name !== tokens && /^(attention_mask|position_ids|token_type_ids)$/.test(name)) continue
      hash.update(name)
      hash.update(bytesOf(array, row, size, name === tokens ? mask : undefined))
    }
    for (const [name, { data }] of Object.entries(strings)) hash.update(`${name}\0${data[row] ?? ''}`)
    prints.set(hash.digest().subarray(0, FINGERPRINT_BYTES), row * FINGERPRINT_BYTES)
  }
  return prints
}

/** The elements of one sample; of tokens those that the mask counts. */
function bytesOf({ data }: NdArray, row: number, size: number, mask: NdArray | undefined): Uint8Array {
  const length = data.length / size
  const own = data.subarray(row * length, (row + 1) * length)
  if (mask === undefined || mask.data.length !== data.length) return new Uint8Array(own.buffer, own.byteOffset, own.byteLength)
  const counted = own.filter((_: number | bigint, i: number) => Number(mask.data[row * length + i]) !== 0)
  return new Uint8Array(counted.buffer, counted.byteOffset, counted.byteLength)
}

/** How many samples of some have a fingerprint that others have, too. */
export function shared(prints: Uint8Array, others: Uint8Array): number {
  const seen = new Set<bigint>()
  for (const print of printsIn(others)) seen.add(print)
  let count = 0
  for (const print of printsIn(prints)) if (seen.has(print)) count++
  return count
}

function* printsIn(bytes: Uint8Array): Generator<bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.byteLength; at += FINGERPRINT_BYTES) yield view.getBigUint64(at)
}
