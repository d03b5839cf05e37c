const [CLEAR, END, FIRST] = [256, 257, 258]
const MOST_CODES = 4096

/**
 * So many bytes of what is packed with LZW as TIFF has it (TIFF 6.0, section 13): codes from the highest bit on, one bit wider one code early. Undefined where it is damaged or cut short. Time is linear
 * in `size`.
 */
export function unpackLzw(bytes: Uint8Array, size: number): Uint8Array | undefined {
  const out = new Uint8Array(size)
  const before = new Uint16Array(MOST_CODES)
  const last = Uint8Array.from({ length: MOST_CODES }, (_, code) => code)
  const lengths = new Uint16Array(MOST_CODES).fill(1)
  let [next, bits, buffer, count, at, done, previous] = [FIRST, 9, 0, 0, 0, 0, -1]
  while (done < size) {
    while (count < bits) {
      if (at === bytes.length) return undefined
      buffer = ((buffer << 8) | bytes[at++]!) & 0xfffff
      count += 8
    }
    count -= bits
    const code = (buffer >>> count) & (2 ** bits - 1)
    if (code === END) return undefined
    if (code === CLEAR) {
      ;[next, bits, previous] = [FIRST, 9, -1]
      continue
    }
    if (previous < 0 ? code > 255 : code > next || next === MOST_CODES) return undefined
    // What is not in the table yet is the one before, and its first byte again.
    const isNew = previous >= 0 && code === next
    const source = isNew ? previous : code
    const end = done + lengths[source]!
    let one = source
    for (let place = end - 1; place >= done; place--) {
      if (place < size) out[place] = last[one]!
      if (place > done) one = before[one]!
    }
    const first = last[one]!
    if (isNew && end < size) out[end] = first
    if (previous >= 0) {
      before[next] = previous
      last[next] = first
      lengths[next] = lengths[previous]! + 1
      next++
      if (next === 2 ** bits - 1 && bits < 12) bits++
    }
    done = end + Number(isNew)
    previous = code
  }
  return out
}
