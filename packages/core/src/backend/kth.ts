import type { Floats } from './backend.js'

/**
 * The `rank`-th smallest of `values` (rank 1 is the smallest). Radix selection over the bits, a word at a time: linear for every input, unlike
 * quickselect. `values` must not hold NaN.
 */
export function kth(values: Floats, rank: number): number {
  const copy = values.slice()
  const words = new Int32Array(copy.buffer)
  const size = values.BYTES_PER_ELEMENT / 4
  turn(words, size)
  if (size === 1) words[0] = lowest(words, rank).key
  else {
    const upper = lowest(everySecond(words, 1), rank)
    words[0] = lowest(lowersOf(words, upper), upper.rank).key
    words[1] = upper.key
  }
  turn(words.subarray(0, size), size)
  return copy[0]!
}

/** Changes floats of one or two words, the lower first, so that the words sort like the floats do; and back. */
function turn(words: Int32Array, size: number): void {
  for (let i = size - 1; i < words.length; i += size) {
    const negative = words[i]! >> 31
    words[i]! ^= negative >>> 1
    if (size === 2) words[i - 1]! ^= negative ^ 0x80000000
  }
}

function everySecond(words: Int32Array, first: 0 | 1): Int32Array {
  const half = new Int32Array(words.length / 2)
  for (let i = 0; i < half.length; i++) half[i] = words[2 * i + first]!
  return half
}

/** Lower words of the floats with this upper one. */
function lowersOf(words: Int32Array, { key, equal }: Lowest): Int32Array {
  const lowers = new Int32Array(equal)
  for (let i = 0, n = 0; n < equal; i += 2) if (words[i + 1] === key) lowers[n++] = words[i]!
  return lowers
}

interface Lowest {
  readonly key: number
  /** How many there are of it, and which of these it is, from 1. */
  readonly equal: number
  readonly rank: number
}

/** The `rank`-th smallest key. Each round looks at the first bits in which keys differ from the least. */
function lowest(keys: Int32Array, rank: number): Lowest {
  const counts = new Uint32Array(2 ** BITS)
  let rest = keys
  let left = rank
  for (;;) {
    const { least, span } = ends(rest)
    if (span === 0) return { key: least, equal: rest.length, rank: left }
    const shift = Math.max(32 - Math.clz32(span) - BITS, 0)
    count(rest, least, shift, counts)
    let bucket = 0
    while (counts[bucket]! < left) left -= counts[bucket++]!
    const own = new Int32Array(counts[bucket]!)
    for (let i = 0, n = 0; n < own.length; i++) if ((rest[i]! - least) >>> shift === bucket) own[n++] = rest[i]!
    rest = own
  }
}

const BITS = 8

/** The least key, and the difference of the greatest. */
function ends(keys: Int32Array): { readonly least: number; readonly span: number } {
  let least = keys[0]!
  let most = least
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!
    if (key < least) least = key
    else if (key > most) most = key
  }
  return { least, span: (most - least) >>> 0 }
}

function count(keys: Int32Array, least: number, shift: number, counts: Uint32Array): void {
  counts.fill(0)
  for (let i = 0; i < keys.length; i++) counts[(keys[i]! - least) >>> shift]!++
}
