// LZ4 frames as Arrow packs buffers: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md

const MAGIC = 0x184d2204
const RAW = 0x80000000

/** The bytes of a frame, at most `most` of them. Throws RangeError or Error where it is damaged, or has more. */
export function unpackFrame(frame: Uint8Array, most: number = Number.POSITIVE_INFINITY): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw new Error('no LZ4 frame')
  const flags = view.getUint8(4)
  const hasBlockChecksum = (flags & 0x10) !== 0
  let at = 6 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0) + 1
  const output = new Growing(most)
  for (;;) {
    const size = view.getUint32(at, true)
    at += 4
    if (size === 0) return output.bytes()
    const length = size >= RAW ? size - RAW : size
    const block = frame.subarray(at, at + length)
    if (block.length < length) throw new Error('the LZ4 frame is cut short')
    if (size >= RAW) output.append(block)
    else unpackBlock(block, output)
    at += length + (hasBlockChecksum ? 4 : 0)
  }
}

/** Literals, then a copy of what came before, again and again. */
function unpackBlock(block: Uint8Array, output: Growing): void {
  let at = 0
  const lengthFrom = (nibble: number) => {
    let length = nibble
    if (nibble < 15) return length
    let more = 255
    while (more === 255) {
      more = block[at++] ?? fail()
      length += more
    }
    return length
  }
  while (at < block.length) {
    const token = block[at++]!
    const literals = lengthFrom(token >> 4)
    output.append(block.subarray(at, at + literals))
    at += literals
    if (at >= block.length) return
    const offset = block[at]! | ((block[at + 1] ?? fail()) << 8)
    at += 2
    output.repeat(offset, lengthFrom(token & 15) + 4)
  }
}

function fail(): never {
  throw new Error('the LZ4 block is cut short')
}

/** Bytes that become more. */
class Growing {
  #data = new Uint8Array(2 ** 16)
  #length = 0

  constructor(private readonly most: number) {}

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#data.set(bytes, this.#length)
    this.#length += bytes.length
  }

  repeat(offset: number, length: number): void {
    if (offset === 0 || offset > this.#length) throw new Error('the LZ4 block copies from before its start')
    this.#reserve(length)
    // Copies may overlap what they write.
    for (let i = 0; i < length; i++) this.#data[this.#length + i] = this.#data[this.#length + i - offset]!
    this.#length += length
  }

  bytes(): Uint8Array {
    return this.#data.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more > this.most) throw new Error(`it unpacks to more than ${this.most} bytes`)
    if (this.#length + more <= this.#data.length) return
    const data = new Uint8Array(Math.max(this.#length + more, 2 * this.#data.length))
    data.set(this.#data.subarray(0, this.#length))
    this.#data = data
  }
}
