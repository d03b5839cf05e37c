// Changes to inputs of parsers: bytes, numbers in text and in binary, and stretches of other inputs.

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A changed copy of `input`, of at most `most` bytes. `corpus` lends stretches, `words` are what the format is written in. */
export function mutate(input, { random, corpus, words, most = 1 << 16 }) {
  let bytes = Buffer.from(input)
  const below = (n) => Math.floor(random() * n)
  for (let count = 1 + below(4); count > 0; count--) {
    const at = below(bytes.length + 1)
    const length = Math.min(bytes.length - at, 1 + below(2 ** below(9)))
    switch (below(10)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << below(8)
        break
      case 1:
        if (at < bytes.length) bytes[at] = pick(BYTES, random)
        break
      case 2:
        bytes = splice(bytes, { at, length, by: Buffer.alloc(0) })
        break
      case 3:
        bytes = splice(bytes, { at: below(bytes.length + 1), length: 0, by: bytes.subarray(at, at + length) })
        break
      case 4:
        bytes = splice(bytes, { at, length: 0, by: repeated(bytes.subarray(at, at + length), 1 + below(200)) })
        break
      case 5: {
        const other = pick(corpus, random)
        const from = below(other.length + 1)
        bytes = splice(bytes, { at, length, by: other.subarray(from, from + 1 + below(256)) })
        break
      }
      case 6:
        bytes = splice(bytes, { at, length: below(2) * length, by: Buffer.from(pick(words, random)) })
        break
      case 7:
        bytes = withNumber(bytes, random)
        break
      case 8:
        bytes = splice(bytes, { at, length: Math.min(4, bytes.length - at), by: integer(random) })
        break
      default:
        bytes = bytes.subarray(0, at)
    }
  }
  return bytes.subarray(0, most)
}

const BYTES = [0, 1, 9, 10, 13, 32, 34, 39, 44, 46, 47, 58, 91, 92, 93, 123, 125, 0x7f, 0x80, 0xff]

const NUMBERS = [
  '0',
  '-1',
  '1e999',
  'NaN',
  '4294967296',
  '9007199254740993',
  '99999999999999999999',
  '-0',
  '0.5',
  '1e-400',
  'null',
]

/** A number in the text, replaced. */
function withNumber(bytes, random) {
  const found = [...bytes.toString('latin1').matchAll(/\d+/g)]
  if (found.length === 0) return bytes
  const { index, 0: text } = pick(found, random)
  return splice(bytes, { at: index, length: text.length, by: Buffer.from(pick(NUMBERS, random)) })
}

/** As binary formats have integers: of four or eight bytes, either end first, often at a border. */
function integer(random) {
  const buffer = Buffer.alloc(random() < 0.5 ? 4 : 8)
  const value = pick([0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, BigInt(Math.floor(random() * 65536))], random)
  if (buffer.length === 4) buffer.writeUInt32LE(Number(value))
  else buffer.writeBigUInt64LE(random() < 0.3 ? 2n ** 63n - 1n : value)
  return random() < 0.7 ? buffer : buffer.reverse()
}

function repeated(bytes, times) {
  return Buffer.concat(Array.from({ length: Math.min(times, 1 + Math.floor(8192 / (bytes.length || 1))) }, () => bytes))
}

function splice(bytes, { at, length, by }) {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)])
}

export function pick(list, random) {
  return list[Math.floor(random() * list.length)]
}
