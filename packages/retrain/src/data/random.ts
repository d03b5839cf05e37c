/** A stream of random numbers in which each is a function of where it stands: nothing to keep, nothing to restore. */
export interface Stream {
  readonly key: number
}

/** The stream of these whole numbers, such as a seed and an epoch. Others give an unrelated one. */
export function streamOf(...parts: readonly number[]): Stream {
  let key = 0x9e3779b9
  for (const part of parts) {
    key = mix(key ^ (part >>> 0))
    key = mix(key ^ Math.floor(part / 2 ** 32))
  }
  return { key }
}

/** Number `index` of the stream: a whole number from 0 up to `below`, at most 2³². */
export function randomBelow({ key }: Stream, index: number, below: number): number {
  return Math.floor((mix(mix(index) ^ key) / 2 ** 32) * below)
}

/** The numbers from 0 up to `count` in an order drawn from the stream (Fisher & Yates). */
export function shuffled(stream: Stream, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const other = randomBelow(stream, i, i + 1)
    const number = order[i]!
    order[i] = order[other]!
    order[other] = number
  }
  return order
}

/** A bijection of 32-bit integers that flips each output bit with probability one half (C. Wellons, "hash prospector": lowbias32). */
function mix(x: number): number {
  x ^= x >>> 16
  x = Math.imul(x, 0x7feb352d)
  x ^= x >>> 15
  x = Math.imul(x, 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}
