import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { PareError } from '@pare/onnx'

/**
 * Which elements of a weight are masked, one bit each, for masks that no short rule tells: those that rest on statistics, which another machine would
 * measure a little differently. Base64 of raw deflate; how well it was packed may differ between machines, what is in it does not.
 */
export interface MaskBits {
  readonly bits: string
}

/** u8[⌈elements / 8⌉] of zeros: nothing is masked yet. Element i is bit i & 7 of byte i >> 3; 1 = masked. */
export function noBits(elements: number): Uint8Array {
  return new Uint8Array(Math.ceil(elements / 8))
}

export function setBit(bits: Uint8Array, element: number): void {
  // Not >> 3: an element's number may need more than 32 bits.
  bits[Math.floor(element / 8)]! |= 1 << (element % 8)
}

export function hasBit(bits: Uint8Array, element: number): boolean {
  return ((bits[Math.floor(element / 8)]! >> (element % 8)) & 1) === 1
}

export function packBits(bits: Uint8Array): MaskBits {
  return { bits: deflateRawSync(bits, { level: 9 }).toString('base64') }
}

/** The bits of a weight of so many elements; `id` names it in errors. Throws PareError where the text holds something else, however large that is. */
export function unpackBits({ bits }: MaskBits, { id, elements }: { readonly id: string; readonly elements: number }): Uint8Array {
  const expected = Math.ceil(elements / 8)
  const unpacked = inflate(bits, expected)
  if (unpacked?.length === expected) return new Uint8Array(unpacked)
  const content = unpacked === undefined ? 'what cannot be unpacked to that' : `${unpacked.length} bytes`
  throw new PareError(
    `the plan's mask of '${id}' should hold ${expected} bytes of bits for ${elements} elements, and holds ${content}.`,
    {
      hint: 'the plan was changed or cut short: make it again with pare plan',
    },
  )
}

function inflate(text: string, length: number): Uint8Array | undefined {
  try {
    return inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: Math.max(length, 1) })
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}
