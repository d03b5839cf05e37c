import { PareError } from '../error.js'
import type { DataType, Payload, Tensor } from '../model.js'
import { byteLength, dataTypeOf, elementCount } from './datatype.js'
import { elementsOf } from './elements.js'
import { RAW_DATA } from './fields.js'
import { type Image, payloadAt } from './image.js'
import type { Index, PartSpan } from './indexer.js'
import { lazyPayload, makePayload, readAll } from './payload.js'
import { TensorProto_DataLocation as DataLocation, type TensorProto } from './proto.js'

/** What the elements of tensors are looked up in. */
export interface Decoding {
  readonly image: Image
  readonly index: Index
  /** The file the image is, if it is one. */
  readonly path?: string
  /** Elements of a tensor with `data_location: EXTERNAL`; `bytes` of them are expected. */
  external(proto: TensorProto, bytes: number): Payload
  /** Filled: the tensors that have elements in the image, with their position in the index. */
  readonly tensors: Map<TensorProto, number>
}

/** The view of a tensor whose elements were replaced by a marker. Takes the marker out of the message. */
export function decodeTensor(proto: TensorProto, decoding: Decoding): Tensor {
  const parts = takeMarked(proto, decoding)
  const type = dataTypeOf(proto.dataType)
  if (type === undefined) throw unknownType(proto, decoding)
  const shape = proto.dims.map(Number)
  const count = elementCount(shape)
  if (!(shape.every((size) => size >= 0) && count <= Number.MAX_SAFE_INTEGER / 16)) throw badShape(proto, decoding)
  const base = { name: proto.name, type, shape, proto }
  if (type === 'string') return stringTensor(base, count, decoding)
  const bytes = byteLength(type, count)
  if (proto.dataLocation === DataLocation.EXTERNAL) {
    return { ...base, data: decoding.external(proto, bytes), storage: 'external' }
  }
  return { ...base, data: inlineData({ proto, type, bytes, parts }, decoding), storage: 'inline' }
}

/** The parts of `proto` in the image. The marker, its position in the index, stands in raw_data: see skeleton.ts. */
function takeMarked(proto: TensorProto, decoding: Decoding): readonly PartSpan[] {
  if (!Object.hasOwn(proto, 'rawData')) return []
  const { rawData } = proto
  const position = new DataView(rawData.buffer, rawData.byteOffset, 4).getUint32(0, true)
  delete (proto as Partial<TensorProto>).rawData
  decoding.tensors.set(proto, position)
  return decoding.index.tensors[position]!
}

interface Inline {
  readonly proto: TensorProto
  readonly type: DataType
  readonly bytes: number
  readonly parts: readonly PartSpan[]
}

function inlineData(tensor: Inline, decoding: Decoding): Payload {
  const { bytes, parts } = tensor
  const [first] = parts
  if (first === undefined) {
    if (bytes === 0) return makePayload(new Uint8Array(0))
    throw wrongLength(tensor, decoding, 0)
  }
  if (parts.length > 1 || !isPlain(first, tensor.type)) return converted(tensor, decoding)
  const length = first.end - first.start
  if (length !== bytes) throw wrongLength(tensor, decoding, length)
  const bytesOrPayload = decoding.image.stretch(first.start, first.end)
  if (!(bytesOrPayload instanceof Uint8Array)) return bytesOrPayload
  return makePayload(bytesOrPayload, decoding.path === undefined ? undefined : { path: decoding.path, offset: first.start })
}

/** True where the bytes in the file are those of raw_data. */
export function isPlain(part: PartSpan, type: DataType): boolean {
  if (part.field === RAW_DATA) return true
  if (part.loose) return false
  return part.field === 4
    ? type === 'float32' || type === 'complex64'
    : part.field === 10 && (type === 'float64' || type === 'complex128')
}

function converted(tensor: Inline, decoding: Decoding): Payload {
  const { type, bytes, parts } = tensor
  const coded = parts.reduce((sum, part) => sum + part.end - part.start, 0)
  // An element takes at least one byte in the file and at most 16 here: more was never there.
  if (bytes > coded * 16) throw wrongLength(tensor, decoding, coded)
  return lazyPayload(bytes, async () => {
    const contents = parts.map(async (part) => {
      const content = await readAll(payloadAt(decoding.image, part.start, part.end))
      return { field: part.field, loose: part.loose, bytes: content }
    })
    const elements = elementsOf(type, bytes, await Promise.all(contents))
    if (elements === undefined) throw wrongLength(tensor, decoding, coded)
    return elements
  })
}

function stringTensor(base: Omit<Tensor, 'data' | 'storage'>, count: number, decoding: Decoding): Tensor {
  const strings = base.proto.stringData
  if (strings.length !== count) {
    throw new PareError(
      `${decoding.image.label}: tensor '${base.name}' has ${strings.length} strings, its shape [${base.shape.join()}] expects ${count}.`,
      { hint: DAMAGED },
    )
  }
  return { ...base, data: makePayload(new Uint8Array(0)), strings, storage: 'inline' }
}

const DAMAGED = 'the model is damaged: export, copy or download it again.'

function at(decoding: Decoding, proto: TensorProto): string {
  const position = decoding.tensors.get(proto)
  const part = position === undefined ? undefined : decoding.index.tensors[position]?.[0]
  return `${decoding.image.label}: tensor '${proto.name}'${part === undefined ? '' : ` at byte ${part.at}`}`
}

function unknownType(proto: TensorProto, decoding: Decoding): PareError {
  return new PareError(`${at(decoding, proto)} has data_type ${proto.dataType}, expected a number from 1 to 26.`, {
    hint: 'the model is damaged, or of a version of ONNX later than 1.20: export it with an earlier one.',
  })
}

function badShape(proto: TensorProto, decoding: Decoding): PareError {
  return new PareError(`${at(decoding, proto)} has dims [${proto.dims.slice(0, 16).join()}], expected sizes of 0 or more.`, {
    hint: DAMAGED,
  })
}

function wrongLength(tensor: Inline, decoding: Decoding, length: number): PareError {
  const { proto, type, bytes, parts } = tensor
  const field = parts[0] === undefined ? 'no elements' : `${length} bytes in field ${parts[0].field}`
  return new PareError(
    `${at(decoding, proto)} has ${field}, but ${type}[${proto.dims.join()}] takes ${bytes} bytes of raw_data, or as many elements as that.`,
    { hint: DAMAGED },
  )
}
