import { PareError } from '../error.js'
import { RAW_DATA } from './fields.js'
import type { Image } from './image.js'
import type { Index, PartSpan } from './indexer.js'
import { LIMITS } from './indexer.js'
import { fromBinary, type ModelProto, ModelProtoSchema } from './proto.js'
import { lengthOf, splice } from './splice.js'

/**
 * The model without the elements of its tensors: in their place stands raw_data with the tensor's position in the index, four
 * bytes. No raw_data of the file itself is left in the skeleton, so nothing can be taken for a marker that is none.
 */
export function decodeSkeleton(image: Image, index: Index): ModelProto {
  const pieces = splice(image, index, (part) => (isFirst(index, part) ? [markerField(part.tensor)] : []))
  const skeleton = new Uint8Array(lengthOf(pieces))
  let filled = 0
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) skeleton.set(piece, filled)
    filled += piece.byteLength
  }
  const proto = decodeMessage(skeleton, image.label)
  if (proto.graph === undefined) throw noGraph(image.label)
  return proto
}

function decodeMessage(skeleton: Uint8Array, label: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, skeleton, { recursionLimit: LIMITS.depth + 10 })
  } catch (cause) {
    throw new PareError(`${label}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'this is not an ONNX model, or a damaged one: export, copy or download it again.',
      cause,
    })
  }
}

export function isFirst(index: Index, part: PartSpan): boolean {
  return index.tensors[part.tensor]![0] === part
}

/** raw_data: a marker, with tag and length. */
function markerField(tensor: number): Uint8Array {
  return Uint8Array.of(RAW_DATA * 8 + 2, 4, tensor, tensor >>> 8, tensor >>> 16, tensor >>> 24)
}

export function marker(tensor: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, tensor, true)
  return bytes
}

function noGraph(label: string): PareError {
  return new PareError(`${label}: field 'graph' is missing, so this is not an ONNX model.`, {
    hint: 'check that the file is the model itself, not a tensor, a checkpoint or another format.',
  })
}
