import type { Image } from './image.js'
import type { Index } from './indexer.js'
import type { Model, Payload } from './model.js'
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
const files = new WeakMap<ModelProto, readonly string[]>()
const sparse = new WeakMap<SparseTensorProto, SparseElements>()

/** Elements of a sparse tensor, which has no view in `Graph`. */
export interface SparseElements {
  readonly values?: Payload
  readonly indices?: Payload
}

export function rememberOrigin(proto: ModelProto, origin: Origin): void {
  origins.set(proto, origin)
}

/** Undefined for a model that was made or edited: `editModel` makes a new message. */
export function originOf(proto: ModelProto): Origin | undefined {
  return origins.get(proto)
}

/** The real paths of all files that payloads of the model, or of the one it was edited from, may come from. */
export function filesOf(proto: ModelProto): readonly string[] {
  return files.get(proto) ?? []
}

export function rememberFiles(proto: ModelProto, paths: readonly string[]): void {
  files.set(proto, paths)
}

export function rememberSparse(proto: SparseTensorProto, elements: SparseElements): void {
  sparse.set(proto, elements)
}

export function sparseElementsOf(proto: SparseTensorProto): SparseElements {
  return sparse.get(proto) ?? {}
}
