/** What belongs to the lowest of some numbers: all below `key`, and of those equal to it the first `ties`. */
export interface Lowest {
  readonly key: number
  readonly ties: number
}

/**
 * The `count` lowest of all these numbers, by a histogram of the upper and then of the lower 16 bits of what sorts like them: two passes, nothing is sorted.
 * −0 is below 0, and NaN above everything.
 */
export function lowestOf(lists: readonly Float32Array[], count: number): Lowest {
  const counts = new Uint32Array(65536)
  for (const list of lists) forEachKey(list, (key) => counts[key >>> 16]!++)
  const upper = bucketOf(counts, count)
  counts.fill(0)
  for (const list of lists) forEachKey(list, (key) => key >>> 16 === upper.bucket && counts[key & 0xffff]!++)
  const lower = bucketOf(counts, upper.rest)
  return { key: upper.bucket * 65536 + lower.bucket, ties: lower.rest }
}

/** The bucket in which the number of rank `count` lies, and how many of the rank are left there. */
function bucketOf(counts: Uint32Array, count: number): { bucket: number; rest: number } {
  let rest = count
  let bucket = 0
  while (bucket < counts.length - 1 && rest > counts[bucket]!) rest -= counts[bucket++]!
  return { bucket, rest }
}

/** A whole number from 0 to 2³² − 1 that sorts like the float. */
export function keyOf(bits: number): number {
  return (bits ^ ((bits >> 31) | 0x80000000)) >>> 0
}

function forEachKey(list: Float32Array, visit: (key: number) => void): void {
  const bits = new Int32Array(list.buffer, list.byteOffset, list.length)
  for (let i = 0; i < bits.length; i++) visit(keyOf(bits[i]!))
}
