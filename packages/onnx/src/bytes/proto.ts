// ONNX's messages: the schema is onnx-buf's, the runtime protobuf-es.
export { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
export type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
  TypeProto,
  ValueInfoProto,
} from 'onnx-buf'
export {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf'

/**
 * A copy with the same fields, present and unknown ones, sharing their values; `changes` replaces some. A field that is left out
 * stays out when its default is asked for.
 */
export function withFields<M extends object>(message: M, changes: Partial<M>): M {
  const copy: M = Object.assign(Object.create(Object.getPrototypeOf(message)), message)
  for (const key of Object.keys(changes) as (keyof M)[]) {
    if (changes[key] !== message[key]) copy[key] = changes[key]!
  }
  return copy
}
