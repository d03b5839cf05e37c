import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from './bytes/proto.js'

/** A model as read: plain immutable data. Editing makes a new model that shares everything unchanged. */
export interface Model {
  readonly irVersion: number
  /** Opset version by domain; the default domain is ''. */
  readonly opsets: ReadonlyMap<string, number>
  readonly graph: Graph
  readonly functions: readonly LocalFunction[]
  /** The message behind this view. Unknown fields live here and survive editing. */
  readonly proto: ModelProto
}

export interface Graph {
  readonly name: string
  /** In topological order, as the format demands. */
  readonly nodes: readonly Node[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  /** Shapes of intermediate values, where the file states them. */
  readonly values: readonly ValueInfo[]
  readonly initializers: readonly Tensor[]
  /** Names of sparse initializers. They are kept as they are. */
  readonly sparseInitializers: readonly string[]
  readonly proto: GraphProto
}

/** A function defined by the model itself; nodes call it by (domain, name). */
export interface LocalFunction {
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
  /** Opset version by domain: a function has its own. */
  readonly opsets: ReadonlyMap<string, number>
  /** Attributes that a call may leave out, with their values. */
  readonly defaults: readonly Attribute[]
  readonly proto: FunctionProto
}

export interface Node {
  /** May be empty: names of nodes are optional in ONNX. */
  readonly name: string
  readonly op: string
  /** '' for ai.onnx. */
  readonly domain: string
  /** '' stands for an optional input left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
  readonly proto: NodeProto
}

export type Attribute = { readonly proto: AttributeProto } & (
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** A reference to an attribute of the enclosing function, a sparse tensor or a type: kept, not interpreted. */
  | { readonly kind: 'other' }
)

export interface ValueInfo {
  readonly name: string
  /** Undefined where the value is not a tensor (sequence, map, optional). */
  readonly type?: DataType
  /** One entry a dimension: a size, a symbol, or undefined when unknown. Undefined: unknown rank. */
  readonly shape?: readonly (number | string | undefined)[]
  readonly proto: ValueInfoProto
}

export interface Tensor {
  readonly name: string
  readonly type: DataType
  readonly shape: readonly number[]
  /** The elements, row-major, little-endian, as in `raw_data` (4-bit types: two a byte, low nibble first; 2-bit types: four). Empty for strings. */
  readonly data: Payload
  /** Elements of a string tensor. */
  readonly strings?: readonly Uint8Array[]
  /** Where the elements stand in the file: 'external' tensors are written back to an external file. */
  readonly storage: 'inline' | 'external'
  readonly proto: TensorProto
}

/** The bytes of a tensor, wherever they are. Read in pieces: a model need not fit in memory. */
export interface Payload {
  readonly byteLength: number
  /** Fills `target` with the bytes from `offset` on. Throws when that reaches past the end. Calls may overlap in time. */
  read(target: Uint8Array, offset: number): Promise<void>
  /** The bytes themselves where they are in memory already, not to be changed: they need not be read. */
  readonly bytes?: Uint8Array
  /** Set where the bytes are a stretch of a file, unchanged: lets other threads read them on their own. */
  readonly file?: FileRange
}

export interface FileRange {
  readonly path: string
  readonly offset: number
}

export type DataType =
  | 'float32'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'float64'
  | 'uint32'
  | 'uint64'
  | 'complex64'
  | 'complex128'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'uint4'
  | 'int4'
  | 'float4e2m1'
  | 'float8e8m0'
  | 'uint2'
  | 'int2'
