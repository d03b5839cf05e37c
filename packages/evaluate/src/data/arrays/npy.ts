import { PareError } from '@pare/onnx'
import { type DataArray, type Elements, type ElementType, MAX_RANK, STORAGE, sizeOf } from '../ndarray.js'
import type { ArrayFile } from './array-file.js'

const MAGIC = '\x93NUMPY'

/** NumPy's type codes without byte order. */
const TYPES: Readonly<Record<string, ElementType>> = {
  b1: 'bool',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
}

const TEXT: Readonly<Record<string, TextType>> = { U: 'unicode', S: 'bytes' }

/** As NumPy has it: a longer one is no array of numbers. */
const MAX_HEADER_BYTES = 10_000

/** A file that is one array: that of the only input which the data must name. Throws PareError where the model has several. */
export function parseOnlyInput({ bytes, name, inputs }: Pick<ArrayFile, 'bytes' | 'name' | 'inputs'>): Map<string, DataArray> {
  const [input] = inputs
  if (input !== undefined && inputs.length === 1) return new Map([[input.name, parseNpy(bytes, name)]])
  throw new PareError(`${name}: one array for a model with the inputs ${inputs.map((each) => `'${each.name}'`).join(', ')}.`, {
    hint: 'put the arrays into one .npz file under these names.',
  })
}

/** Text of a fixed length: of code points (`<U8`) or of bytes (`|S8`), filled up with zeros. */
type TextType = 'unicode' | 'bytes'

interface Header {
  readonly type: ElementType | TextType
  readonly bytes: number
  readonly bigEndian: boolean
  readonly fortran: boolean
  readonly shape: readonly number[]
  readonly offset: number
}

/** The array in a .npy file (NumPy format 1.0 to 3.0). `name` is for messages. Throws PareError for anything else, pickled objects included. Text comes as strings. */
export function parseNpy(file: Uint8Array, name: string): DataArray {
  const header = parseHeader(file, name)
  const length = sizeOf(header.shape)
  const available = file.byteLength - header.offset
  if (length * header.bytes !== available) {
    throw new PareError(
      `${name}: ${available} bytes of data, but shape (${header.shape.join(', ')}) of ${header.type} needs ${length * header.bytes}.`,
      { hint: 'the file is cut short or damaged: write it again with numpy.save.' },
    )
  }
  // A copy: elements of several bytes must be aligned, and big-endian ones are turned in place.
  const bytes = new Uint8Array(file.subarray(header.offset))
  const { type } = header
  if (type === 'unicode' || type === 'bytes') {
    if (header.bigEndian) reverseElements(bytes, CODE_POINT)
    const text = Array.from({ length }, (_, i) => textAt(bytes.subarray(i * header.bytes, (i + 1) * header.bytes), type))
    return { type: 'string', shape: header.shape, data: header.fortran ? toRowMajor(text, header.shape) : text }
  }
  if (header.bigEndian) reverseElements(bytes, header.bytes)
  const data: Elements = new STORAGE[type](bytes.buffer, 0, length)
  return { type, shape: header.shape, data: header.fortran ? toRowMajor(data, header.shape) : data }
}

function parseHeader(file: Uint8Array, name: string): Header {
  const damaged = (what: string) =>
    new PareError(`${name}: ${what}.`, {
      hint: 'expected an array of numbers or text as numpy.save writes it; one of Python objects is made numbers by .astype("float32"), text by .astype(str).',
    })
  const text = (begin: number, end: number) => Buffer.from(file.subarray(begin, end)).toString('latin1')
  if (text(0, 6) !== MAGIC || file.byteLength < 10)
    throw damaged(`not a .npy array, it begins with ${JSON.stringify(text(0, 6))}`)
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const long = file[6]! >= 2
  if (long && file.byteLength < 12) throw damaged('the header is cut short')
  const start = long ? 12 : 10
  const offset = start + (long ? view.getUint32(8, true) : view.getUint16(8, true))
  if (offset > file.byteLength) throw damaged(`the header ends at byte ${offset} of ${file.byteLength}`)

  if (offset - start > MAX_HEADER_BYTES)
    throw damaged(`the header has ${offset - start} bytes, more than the ${MAX_HEADER_BYTES} that NumPy reads`)
  const header = text(start, offset)
  const descr = /'descr'\s*:\s*'([<>|=])?([a-zA-Z]\d+)[^']*'/.exec(header)
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)
  const dims = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(header)
  if (!order || !dims) throw damaged(`the header ${JSON.stringify(header.trim())} has no order or shape`)
  const type = descr ? (TYPES[descr[2]!] ?? TEXT[descr[2]![0]!]) : undefined
  if (!descr || !type)
    throw damaged(`elements of type ${/'descr'\s*:\s*(\S[^,]*),/.exec(header)?.[1] ?? '?'} are neither numbers nor text`)
  const shape = dims[1]!
    .split(',')
    .map((dim) => dim.trim())
    .filter(Boolean)
    .map((dim) => Number.parseInt(dim, 10))
  if (shape.length > MAX_RANK || !Number.isSafeInteger(sizeOf(shape) * 8))
    throw damaged(`shape (${shape.join(', ')}) is too large`)
  return {
    type,
    bytes: bytesOf(type, Number(descr[2]!.slice(1))),
    bigEndian: descr[1] === '>',
    fortran: order[1] === 'True',
    shape,
    offset,
  }
}

function bytesOf(type: ElementType | TextType, count: number): number {
  if (type === 'unicode') return count * CODE_POINT
  return type === 'bytes' ? count : STORAGE[type].BYTES_PER_ELEMENT
}

const CODE_POINT = 4

function textAt(bytes: Uint8Array, type: TextType): string {
  if (type === 'bytes') return Buffer.from(bytes).toString('utf8').replace(/\0+$/, '')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let text = ''
  for (let at = 0; at < bytes.length; at += CODE_POINT) {
    const code = view.getUint32(at, true)
    text += code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code)
  }
  return text.replace(/\0+$/, '')
}

function reverseElements(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (size === 2) buffer.swap16()
  if (size === 4) buffer.swap32()
  if (size === 8) buffer.swap64()
}

/** Column-major to row-major: element (i, j, …) moves from i + j·rows + … to (i·columns + j)·… */
function toRowMajor<Data extends Elements | string[]>(data: Data, shape: readonly number[]): Data {
  const result = new (data.constructor as new (length: number) => Data)(data.length)
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)))
  const index = new Array<number>(shape.length).fill(0)
  for (let to = 0, from = 0; to < data.length; to++) {
    result[to] = data[from]! as never
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      from -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return result
}
