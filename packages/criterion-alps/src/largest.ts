export interface Stretch {
  readonly start: number
  readonly end: number
  /** How many are marked: no more than are allowed. */
  readonly count: number
}

/**
 * Marks the `count` largest keys of a stretch that are allowed, of equal ones the first, and no others. Keys are from 0 on, and 0 where they are not
 * allowed. Three histograms over 11, 10 and 10 bits, the later ones of one bucket alone: linear.
 */
export function markLargest(keys: Int32Array, allowed: Int32Array, marks: Uint8Array, { start, end, count }: Stretch): void {
  if (count === 0) {
    marks.fill(0, start, end)
    return
  }
  const { key, ties } = borderOf(keys.subarray(start, end), count)
  let left = ties
  for (let i = start; i < end; i++) {
    const own = keys[i]!
    marks[i] = own > key ? 1 : 0
    if (own !== key || left === 0 || allowed[i] === 0) continue
    marks[i] = 1
    left--
  }
}

/** The `rank`-th largest key, and how many of those equal to it are among the `rank` largest. */
function borderOf(keys: Int32Array, rank: number): { readonly key: number; readonly ties: number } {
  let rest = keys
  let left = rank
  let prefix = 0
  for (const { shift, bits } of LEVELS) {
    const counts = new Uint32Array(2 ** bits)
    const most = counts.length - 1
    for (let i = 0; i < rest.length; i++) counts[(rest[i]! >>> shift) & most]!++
    let bucket = most
    while (counts[bucket]! < left) left -= counts[bucket--]!
    const own = new Int32Array(counts[bucket]!)
    for (let i = 0, n = 0; n < own.length; i++) if (((rest[i]! >>> shift) & most) === bucket) own[n++] = rest[i]!
    prefix |= bucket << shift
    rest = own
  }
  return { key: prefix, ties: left }
}

const LEVELS = [
  { shift: 20, bits: 11 },
  { shift: 10, bits: 10 },
  { shift: 0, bits: 10 },
]
