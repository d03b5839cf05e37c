import { chunks } from '../bytes/payload.js'
import type { Tensor } from '../model.js'

/** Sizes in bytes of elements that are stored sparsely. */
const SIZES: Readonly<Partial<Record<Tensor['type'], number>>> = { float32: 4, float16: 2, bfloat16: 2, int8: 1, uint8: 1 }

export function elementSize({ type }: Tensor): number | undefined {
  return SIZES[type]
}

export interface CommonElement {
  readonly bytes: Uint8Array
  /** Elements with other bits, among them −0 where 0 is common. */
  readonly others: number
}

/** The bits that most elements have: of floats those of 0, of integers of 8 bits whatever is most frequent, as codes of zeros may be 0, 128 or two times 8. Reads the tensor once, in pieces. */
export async function commonElement(tensor: Tensor): Promise<CommonElement> {
  const size = elementSize(tensor)!
  const counts = new Float64Array(256)
  let zeros = 0
  for await (const { bytes } of chunks(tensor.data)) {
    if (size === 1) for (const byte of bytes) counts[byte]!++
    else for (let at = 0; at < bytes.length; at += size) zeros += Number(isCommon(bytes, at, ZERO.subarray(0, size)))
  }
  const all = tensor.data.byteLength / size
  if (size > 1) return { bytes: ZERO.subarray(0, size), others: all - zeros }
  const most = counts.indexOf(Math.max(...counts))
  return { bytes: Uint8Array.of(most), others: all - counts[most]! }
}

const ZERO = new Uint8Array(4)

export function isCommon(bytes: Uint8Array, at: number, common: Uint8Array): boolean {
  for (let k = 0; k < common.length; k++) if (bytes[at + k] !== common[k]) return false
  return true
}
