import { bitsOf, byteLength, type DataType, elementCount, type Payload, readAll, valuesOf } from '@pare/onnx'
import { type Coding, type Parameter, placeIn } from './coding.js'
import { float8Values, isFloat8 } from './float8.js'

/** The numbers that codes stand for, f32 bytes, whichever stretch of them is read. */
export function decodedPayload(coding: Coding): Payload {
  const elements = elementCount(coding.shape)
  const numbers = numbersOf(coding)
  return {
    byteLength: elements * 4,
    async read(target, offset) {
      const [first, last] = [Math.floor(offset / 4), Math.ceil((offset + target.byteLength) / 4)]
      const { scale, zero } = await numbers()
      const floats = new Float32Array(last - first)
      const { codes, from } = await codesOf(coding, first, last)
      for (let e = first; e < last; e++) {
        const code = codes[codeAt(coding, e) - from]!
        floats[e - first] = scaleAt(coding, scale, e) * (code - zeroAt(coding, zero, e))
      }
      target.set(new Uint8Array(floats.buffer, offset - first * 4, target.byteLength))
    },
  }
}

/**
 * The stored codes with that of 0 wherever `masked`, f32 of the same elements, is 0. Elements whose scale is 0 are 0 with any code, and keep theirs.
 * Only what is read is computed.
 */
export function maskedCodes(coding: Coding, masked: Payload): Payload {
  const { codes } = coding
  const numbers = numbersOf(coding)
  const bits = bitsOf(coding.type)
  return {
    byteLength: codes.data.byteLength,
    async read(target, offset) {
      const width = Math.max(bits / 8, 1)
      const [begin, end] = [Math.floor(offset / width) * width, Math.ceil((offset + target.byteLength) / width) * width]
      const bytes = new Uint8Array(end - begin)
      await codes.data.read(bytes, begin)
      const elements = elementsIn(coding, Math.floor((begin * 8) / bits), Math.floor((end * 8) / bits))
      if (elements.last > elements.first) await writeZeros(coding, { bytes, begin, elements, masked, numbers: await numbers() })
      target.set(bytes.subarray(offset - begin, offset - begin + target.byteLength))
    },
  }
}

interface Numbers {
  readonly scale: ArrayLike<number> | undefined
  readonly zero: ArrayLike<number> | undefined
}

interface Stretch {
  readonly bytes: Uint8Array
  /** Of the first byte within the stored codes. */
  readonly begin: number
  readonly elements: { readonly first: number; readonly last: number }
  readonly masked: Payload
  readonly numbers: Numbers
}

async function writeZeros(coding: Coding, { bytes, begin, elements, masked, numbers }: Stretch): Promise<void> {
  const { first, last } = elements
  const bits = bitsOf(coding.type)
  const floats = new Float32Array(last - first)
  await masked.read(new Uint8Array(floats.buffer), first * 4)
  for (let e = first; e < last; e++) {
    if (floats[e - first] !== 0 || scaleAt(coding, numbers.scale, e) === 0) continue
    const zero = zeroAt(coding, numbers.zero, e)
    const bit = codeAt(coding, e) * bits - begin * 8
    const at = Math.floor(bit / 8)
    if (bits < 8) {
      const ones = (1 << bits) - 1
      bytes[at] = (bytes[at]! & ~(ones << (bit % 8))) | ((zero & ones) << (bit % 8))
    } else for (let b = 0; b < bits / 8; b++) bytes[at + b] = zero >> (8 * b)
  }
}

/** Reads scales and zero points once, when they are needed. */
function numbersOf({ scale, zero }: Coding): () => Promise<Numbers> {
  let numbers: Promise<Numbers> | undefined
  return () => (numbers ??= Promise.all([listOf(scale), listOf(zero)]).then(([s, z]) => ({ scale: s, zero: z })))
}

async function listOf(parameter: Parameter | undefined): Promise<ArrayLike<number> | undefined> {
  if (parameter === undefined) return undefined
  return numbersIn(parameter.type, await readAll(parameter.tensor.data))
}

function scaleAt({ scale }: Coding, list: ArrayLike<number> | undefined, element: number): number {
  return scale === undefined || list === undefined ? 1 : list[placeIn(scale.grid, element)]!
}

function zeroAt({ zero, origin }: Coding, list: ArrayLike<number> | undefined, element: number): number {
  return zero === undefined || list === undefined ? origin : list[placeIn(zero.grid, element)]!
}

/** Which of the codes is that of an element. */
function codeAt({ shape, stride }: Coding, element: number): number {
  if (stride === undefined) return element
  const row = shape.at(-1)!
  return Math.floor(element / row) * stride + (element % row)
}

/** The elements whose codes lie from `from` to below `to`, and those of padding between them. */
function elementsIn({ shape, stride }: Coding, from: number, to: number): { first: number; last: number } {
  const all = elementCount(shape)
  if (stride === undefined) return { first: Math.min(from, all), last: Math.min(to, all) }
  const row = shape.at(-1)!
  const before = (code: number) => Math.min(Math.floor(code / stride) * row + Math.min(code % stride, row), all)
  return { first: before(from), last: before(to) }
}

/** The codes of the elements from `first` to below `last`, as numbers; `from` is which code the first of them is. */
async function codesOf(coding: Coding, first: number, last: number): Promise<{ codes: ArrayLike<number>; from: number }> {
  const { codes, type } = coding
  const bits = bitsOf(type)
  const begin = Math.floor((codeAt(coding, first) * bits) / 8)
  const end = byteLength(type, codeAt(coding, last - 1) + 1)
  const bytes = new Uint8Array(Math.max(end - begin, 0))
  await codes.data.read(bytes, begin)
  return { codes: numbersIn(type, bytes), from: (begin * 8) / bits }
}

function numbersIn(type: DataType, bytes: Uint8Array): ArrayLike<number> {
  if (!isFloat8(type)) return valuesOf(type, bytes) as ArrayLike<number>
  const values = float8Values(type)
  return Float32Array.from(bytes, (byte) => values[byte]!)
}
