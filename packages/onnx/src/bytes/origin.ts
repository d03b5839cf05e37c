import type { Model, Payload } from '../model.js'
import type { Image } from './image.js'
import type { Index } from './indexer.js'
import type { ModelProto, SparseTensorProto, TensorProto } from './proto.js'

/** Where a message came from, for writing what did not change as it stood. */
export interface Origin {
  readonly image: Image
  readonly index: Index
  /** The message of each tensor of the index that has elements; its position there. */
  readonly tensors: ReadonlyMap<TensorProto, number>
  /** As it was read. */
  readonly model: Model
}

// Kept beside the messages, so that they stay plain protobuf-es messages and whoever holds one keeps its origin alive.
const origins = new WeakMap<ModelProto, Origin>()
const files = new WeakMap<ModelProto, Files>()
const sparse = new WeakMap<SparseTensorProto, SparseElements>()

/** Elements of a sparse tensor, which has no view in `Graph`. */
export interface SparseElements {
  readonly values?: Payload
  readonly indices?: Payload
}

export function rememberOrigin(proto: ModelProto, origin: Origin): void {
  origins.set(proto, origin)
}

/** The bytes that a model was read from; undefined for a model that was made or edited: `editModel` makes a new message. */
export function originOf(proto: ModelProto): Origin | undefined {
  return origins.get(proto)
}

/** The files that a model, or the one it was edited from, was read from. */
export interface Files {
  /** Real paths of all that payloads may come from. */
  readonly paths: readonly string[]
  /** Name of the model's own file. Undefined for a model from memory. */
  readonly name?: string
  /** Locations of external data, as the model has them. */
  readonly locations: readonly string[]
}

export function filesOf(proto: ModelProto): Files {
  return files.get(proto) ?? { paths: [], locations: [] }
}

export function rememberFiles(proto: ModelProto, read: Files): void {
  files.set(proto, read)
}

export function rememberSparse(proto: SparseTensorProto, elements: SparseElements): void {
  sparse.set(proto, elements)
}

export function sparseElementsOf(proto: SparseTensorProto): SparseElements {
  return sparse.get(proto) ?? {}
}
