/** The stream of one weight under one seed. Two 32-bit keys, so that WGSL can do the same. */
export interface RandomStream {
  readonly key0: number
  readonly key1: number
}

/** The stream for `id` under `seed` (a safe integer ≥ 0). Different ids give unrelated streams. */
export function randomStream(seed: number, id: string): RandomStream {
  const high = Math.floor(seed / 2 ** 32)
  return { key0: mix(mix(seed >>> 0) ^ hash(id, 0x811c9dc5)), key1: mix(mix(high ^ 0x9e3779b9) ^ hash(id, 0x01000193)) }
}

/** Element `index` of the stream: uniform in [0, 1), a multiple of 2⁻²⁴, so exact in f32. */
export function uniform({ key0, key1 }: RandomStream, index: number): number {
  const low = index >>> 0
  const high = (index / 2 ** 32) >>> 0
  return (mix(mix(low ^ key0) ^ mix(high + key1)) >>> 8) * 2 ** -24
}

/** A bijection of 32-bit integers that flips each output bit with probability one half (C. Wellons, "hash prospector": lowbias32). */
export function mix(x: number): number {
  x ^= x >>> 16
  x = Math.imul(x, 0x7feb352d)
  x ^= x >>> 15
  x = Math.imul(x, 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

/** FNV-1a over the UTF-16 code units, from `start`. */
function hash(text: string, start: number): number {
  let h = start
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}
