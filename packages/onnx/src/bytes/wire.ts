import { readSync } from 'node:fs'
import { PareError } from '../error.js'

/** Where the bytes of a message come from. */
export interface Bytes {
  readonly size: number
  /** What errors call it: usually the path. */
  readonly label: string
  /** Fills `target` with the bytes from `offset` on. */
  read(target: Uint8Array, offset: number): void
  /** Set when all bytes are in memory. */
  readonly whole?: Uint8Array
}

export function memoryBytes(whole: Uint8Array, label: string): Bytes {
  return { size: whole.byteLength, label, whole, read: (target, at) => target.set(whole.subarray(at, at + target.byteLength)) }
}

export function fileBytes(fd: number, size: number, label: string): Bytes {
  return { size, label, read }

  function read(target: Uint8Array, offset: number): void {
    let filled = 0
    while (filled < target.byteLength) {
      const count = readSync(fd, target, filled, target.byteLength - filled, offset + filled)
      if (count === 0) {
        throw new PareError(`${label}: the file ends at byte ${offset + filled}, but had ${size} bytes when it was opened.`, {
          hint: 'something writes to the file; run again when it is done.',
        })
      }
      filled += count
    }
  }
}

const SMALLEST_BLOCK = 4096
const LARGEST_BLOCK = 1 << 18

/**
 * Reads varints and tags. Blocks grow while reading goes straight on and start small after a jump, so that skipping payloads
 * reads little. Positions are JavaScript numbers: files beyond 2 GiB are fine.
 */
export class Cursor {
  position = 0
  readonly #bytes: Bytes
  readonly #buffer: Uint8Array
  #window: Uint8Array
  #base = 0
  #block = SMALLEST_BLOCK

  constructor(bytes: Bytes) {
    this.#bytes = bytes
    this.#buffer = new Uint8Array(bytes.whole === undefined ? Math.min(LARGEST_BLOCK, bytes.size) : 0)
    this.#window = bytes.whole ?? this.#buffer.subarray(0, 0)
  }

  /** The next byte. The caller has checked that there is one. */
  byte(): number {
    const at = this.position - this.#base
    this.position += 1
    if (at >= 0 && at < this.#window.length) return this.#window[at]!
    return this.#refill(this.position - 1)
  }

  /**
   * The varint here, which must end before `end`; -1 if it does not, or is longer than ten bytes. Above 2^53 the value is
   * rounded: enough to tell that a length is impossible.
   */
  varint(end: number): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      if (this.position >= end) return -1
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    return -1
  }

  #refill(at: number): number {
    const straight = at === this.#base + this.#window.length
    this.#block = straight ? Math.min(this.#block * 2, LARGEST_BLOCK) : SMALLEST_BLOCK
    const length = Math.min(this.#block, this.#bytes.size - at)
    this.#window = this.#buffer.subarray(0, length)
    this.#bytes.read(this.#window, at)
    this.#base = at
    return this.#window[0]!
  }
}

/** Counts the bytes that a number takes as a varint. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}

/** `value` (at most 2^53) as a varint. */
export function varintBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(varintSize(value))
  let rest = value
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (rest % 128) | (i + 1 < bytes.length ? 0x80 : 0)
    rest = Math.floor(rest / 128)
  }
  return bytes
}
