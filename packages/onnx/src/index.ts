export { bitsOf, byteLength, dataTypeCode, dataTypeOf, dataTypes, elementCount, type FloatType, isFloat } from './datatype.js'
export {
  editGraph,
  editModel,
  editNode,
  editTensor,
  editValueInfo,
  type GraphChanges,
  type ModelChanges,
  type NodeChanges,
  type TensorChanges,
  type ValueInfoChanges,
} from './edit.js'
export { PareError } from './error.js'
export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './float16.js'
export { globMatcher, isGlob } from './glob.js'
export { sha256 } from './hash.js'
export { parseJson, refuseDeep } from './json.js'
export { type AttributeValue, makeAttribute, makeNode, makeTensor, makeValueInfo } from './make.js'
export type * from './model.js'
export { NewFile, writeWhole } from './new-file.js'
export { ModelFile, type OpenOptions, openModel, type ReadOptions, readModel } from './open.js'
export { operatorName } from './operator-name.js'
export { type Chunk, chunks, makePayload, readAll } from './payload.js'
export { capturedBy, keyOf, madeBy, readBy } from './reads.js'
export { type OpenedFile, openRegular, readRegular, systemCode } from './regular-file.js'
export type { Known } from './shape-rules/rule.js'
export { inferShapes, type ShapeOptions, type Shapes, shapesOf, symbolsOf } from './shapes.js'
export { type SizeExpression, symbolsIn } from './size-expression.js'
export { allSizes, type Symbols } from './symbols.js'
export { parseText, type TextValues } from './text.js'
export { bytesOf, type Values, valuesOf } from './values.js'
export { type Constant, type Scope, visitNodes } from './visit.js'
export { withTensors } from './with-tensors.js'
export { withoutDead } from './without-dead.js'
export { type BytesOptions, modelBytes, type WriteOptions, type WrittenFile, writeModel, writtenBytes } from './write.js'
