import type { PackedRows, StoredValues } from '@pare/sparse'

/**
 * Any zeros anywhere, with a bit for each element: 2 bits an element, where a place takes 16 for each that is not zero, so fewer bytes from one in eight on. Only
 * devices have kernels for it: there the threads that share a row see neighbouring columns, whether these are zero or not.
 */
export interface BitmapMatrix {
  readonly kind: 'bitmap'
  readonly out: number
  readonly in: number
  /** u32[out, ⌈in ÷ 32⌉, 2]: which of 32 columns there are, the first in the lowest bit, and the number of the first of them. */
  readonly words: Uint32Array
  /** [entries], ascending within a row. */
  readonly values: StoredValues
  /** f32[out]: what the codes of each output are multiplied with, where values are codes. */
  readonly scales?: Float32Array
}

export function bitmapOf({ out, in: inputs, starts, columns, values, scales }: PackedRows): BitmapMatrix {
  const perRow = Math.ceil(inputs / 32)
  const words = new Uint32Array(2 * out * perRow)
  for (let row = 0; row < out; row++) {
    let entry = starts[row]!
    for (let w = 0; w < perRow; w++) {
      const at = 2 * (row * perRow + w)
      words[at + 1] = entry
      for (; entry < starts[row + 1]! && columns[entry]! < 32 * (w + 1); entry++) words[at]! |= 1 << (columns[entry]! & 31)
    }
  }
  return { kind: 'bitmap', out, in: inputs, words, values, ...(scales && { scales }) }
}
