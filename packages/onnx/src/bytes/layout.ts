import { entry } from '../files/external.js'
import type { Model, Payload, Tensor } from '../model.js'
import { isPlain } from './decode-tensor.js'
import { encodeModel } from './encode.js'
import { RAW_DATA } from './fields.js'
import { memoryImage } from './image.js'
import { indexModel } from './indexer.js'
import { type Origin, originOf } from './origin.js'
import { ModelProtoSchema, toBinary } from './proto.js'
import { isFirst } from './skeleton.js'
import { type Piece, splice } from './splice.js'
import { tensorsIfUnchanged } from './unchanged.js'
import { memoryBytes, varintBytes } from './wire.js'

/** What goes into the files of a model. */
export interface FileLayout {
  readonly model: readonly Piece[]
  /** The files of external data, by name. */
  readonly data: ReadonlyMap<string, readonly Piece[]>
}

/** Offsets of external tensors are multiples of this, so that a run time can map them into memory. */
export const PAGE = 4096

/** Where the elements of an external tensor are: `location` is relative to the folder of the model. */
export interface DataPlace {
  readonly location: string
  readonly offset: number
}

/**
 * The bytes of a model, as pieces. Where nothing but elements changed since it was read, every other byte is the one that was
 * read; otherwise the message is encoded anew, in the order of the schema. `nameOf`: the file for external tensors that were at a location, but for
 * those that `placeOf` knows a place of.
 */
export function layOut(
  model: Model,
  nameOf: (location: string | undefined) => string,
  placeOf: (data: Payload) => DataPlace | undefined = () => undefined,
): FileLayout {
  const origin = originOf(model.proto)
  const tensors = origin === undefined ? undefined : tensorsIfUnchanged(model)
  if (origin !== undefined && tensors !== undefined && ![...tensors.values()].some((tensor) => tensor.storage === 'external')) {
    return { model: asRead(origin, tensors), data: new Map() }
  }
  return anew(model, nameOf, placeOf)
}

function asRead(origin: Origin, tensors: ReadonlyMap<object, Tensor>): Piece[] {
  const { image, index } = origin
  const before = tensorsIfUnchanged(origin.model)
  const replacements: (Tensor | undefined)[] = index.tensors.map(() => undefined)
  for (const [proto, position] of origin.tensors) {
    const tensor = tensors.get(proto)
    if (tensor !== undefined && tensor.data !== before?.get(proto)?.data) replacements[position] = tensor
  }
  return splice(image, index, (part) => {
    const tensor = replacements[part.tensor]
    if (tensor === undefined) return undefined
    if (!isFirst(index, part)) return []
    const alone = index.tensors[part.tensor]!.length === 1
    return alone && isPlain(part, tensor.type) ? [image.stretch(part.at, part.start), tensor.data] : rawData(tensor.data)
  })
}

function anew(
  model: Model,
  nameOf: (location: string | undefined) => string,
  placeOf: (data: Payload) => DataPlace | undefined,
): FileLayout {
  const inline: Payload[] = []
  const external = new Map<string, ExternalFile>()
  const proto = encodeModel(model, {
    inline: (data) => inline.push(data) - 1,
    external: ({ data, proto }) => {
      const place = placeOf(data)
      if (place !== undefined) return place
      const location = nameOf(entry(proto, 'location'))
      const file = external.get(location) ?? new ExternalFile()
      external.set(location, file)
      return { location, offset: file.add(data) }
    },
  })
  const bytes = toBinary(ModelProtoSchema, proto)
  const source = { ...memoryBytes(bytes, 'the encoded model'), whole: bytes }
  const index = indexModel(source)
  const image = memoryImage(source)
  const pieces = splice(image, index, (part) => {
    const marker = new DataView(bytes.buffer, bytes.byteOffset + part.start, 4).getUint32(0, true)
    return rawData(inline[marker]!)
  })
  return { model: pieces, data: new Map([...external].map(([name, { pieces }]) => [name, pieces])) }
}

/** raw_data with tag and length. */
function rawData(data: Payload): Piece[] {
  return [Uint8Array.of(RAW_DATA * 8 + 2, ...varintBytes(data.byteLength)), data]
}

class ExternalFile {
  readonly pieces: Piece[] = []
  #end = 0

  /** Where it begins. */
  add(data: Payload): number {
    const offset = Math.ceil(this.#end / PAGE) * PAGE
    if (offset > this.#end) this.pieces.push(new Uint8Array(offset - this.#end))
    this.pieces.push(data)
    this.#end = offset + data.byteLength
    return offset
  }
}
