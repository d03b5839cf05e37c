/**
 * The `rank`-th smallest of `values` (rank 1 is the smallest). Radix selection over the bits, 8 at a time: linear for every input,
 * unlike quickselect. `values` must not hold NaN.
 */
export function kth(values: Float64Array, rank: number): number {
  let keys = Float64Array.from(values)
  let words = new Uint32Array(keys.buffer)
  let left = rank
  for (let digit = 7; digit >= 0; digit--) {
    const word = digit >> 2
    const shift = (digit & 3) * 8
    const counts = new Uint32Array(256)
    for (let i = word; i < words.length; i += 2) counts[(ordered(words, i) >>> shift) & 255]!++
    let bucket = 0
    while (counts[bucket]! < left) left -= counts[bucket++]!
    if (counts[bucket] === keys.length) continue
    let n = 0
    for (let i = 0; i < keys.length; i++) {
      if (((ordered(words, 2 * i + word) >>> shift) & 255) === bucket) keys[n++] = keys[i]!
    }
    keys = keys.subarray(0, n)
    words = new Uint32Array(keys.buffer, 0, 2 * n)
    if (n === 1) break
  }
  return keys[0]!
}

/** Word `i` of a list of f64, with its bits changed so that unsigned words sort like the floats. */
function ordered(words: Uint32Array, i: number): number {
  const negative = words[i | 1]! >> 31
  return words[i]! ^ (i & 1 ? negative | 0x80000000 : negative)
}
