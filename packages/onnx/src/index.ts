export {
  bitsOf,
  byteLength,
  dataTypeCode,
  dataTypeOf,
  dataTypes,
  elementCount,
  type FloatType,
  isFloat,
} from './bytes/datatype.js'
export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './bytes/float16.js'
export { chunks, filePayload, lazyPayload, madeAtOnce, makePayload, type PayloadChunk, readAll } from './bytes/payload.js'
export { bytesOf, type TensorValues, valuesOf } from './bytes/values.js'
export { PareError } from './error.js'
export { sha256 } from './files/hash.js'
export { NewFile, writeWhole } from './files/new-file.js'
export { ModelFile, type OpenOptions, openModel, type ReadOptions, readModel } from './files/open.js'
export { type OpenedFile, openRegular, readRegular, systemCode } from './files/regular-file.js'
export { makeTemporaryFolder } from './files/temporary-folder.js'
export { type BytesOptions, modelBytes, type WriteOptions, type WrittenFile, writeModel, writtenBytes } from './files/write.js'
export { type Attributes, attributesOf, NodeAttributes, tensorIn } from './graph/attributes.js'
export { type Column, columnOf } from './graph/column.js'
export {
  editAttributes,
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
} from './graph/edit.js'
export { einsumTerms, spelledEinsum } from './graph/einsum.js'
export { graphPath } from './graph/ids.js'
export { inlineFunctions } from './graph/inline.js'
export { type AttributeValue, makeAttribute, makeNode, makeTensor, makeValueInfo } from './graph/make.js'
export { NewTensors } from './graph/new-tensors.js'
export { operatorName } from './graph/operator-name.js'
export { byOperator, MICROSOFT_OPERATORS, ONNX_OPERATORS } from './graph/operators.js'
export { isRandom } from './graph/random.js'
export { type SegmentOptions, segmentOf } from './graph/segment.js'
export {
  capturedBy,
  constantsOf,
  keyOf,
  leadingTo,
  madeBy,
  reachedFrom,
  readBy,
  type Use,
  type Uses,
  usesOf,
} from './graph/uses.js'
export { type Constant, graphsOf, type NameScope, visitNodes } from './graph/visit.js'
export { withTensors } from './graph/with-tensors.js'
export { withoutDead } from './graph/without-dead.js'
export { GraphWriter, type NewNode } from './graph/writer.js'
export { type Members, strayMember } from './members.js'
export type * from './model.js'
export { blamed, type PluginOrigin, pluginFault, refuseStray } from './plugin-fault.js'
export { present } from './present.js'
export { shapeColumn } from './shapes/column.js'
export { type Dim, type Dims, type FactOptions, factsOf, type ModelFacts } from './shapes/facts.js'
export type { InferenceFacts } from './shapes/rules/rule.js'
export { inferShapes, type ShapeOptions, type Shapes, shapesOf, symbolsOf } from './shapes/shapes.js'
export { type SizeExpression, symbolsIn } from './shapes/size-expression.js'
export { type ElementFacts, type ElementSource, type ElementSources, sourcesOf } from './shapes/sources.js'
export { allSizes, type Symbols } from './shapes/symbols.js'
export { expandStorage } from './storage/expand.js'
export type { SparseTensorFacts, StorageStep } from './storage/step.js'
export { applyStorage, planStorage } from './storage/store.js'
export { globMatcher, isGlob } from './text/glob.js'
export { parseJson, refuseDeep } from './text/json.js'
export { parseText, type TextValues } from './text/text.js'
