import { type ModelValue, tokenInput } from '@pare/evaluate'
import { type Model, openModel, type ValueInfo } from '@pare/onnx'

/** What a model takes and gives, and what it is made of, as its file states it. */
export interface Signature {
  readonly inputs: readonly ModelValue[]
  /** Those that are tensors. */
  readonly outputs: readonly ModelValue[]
  /** Whether the first output is no tensor, as ZipMap makes one, or one that counts classes stands before scores. */
  readonly firstOutput: string
  readonly kind: 'cnn' | 'transformer' | 'other'
  /** Whether the model itself names its classes. */
  readonly namesClasses: boolean
}

/** Reads the graph, not the weights. */
export async function readSignature(path: string): Promise<Signature> {
  await using file = await openModel(path, { allowHardLinks: true })
  const { graph } = file.model
  const initial = new Set(graph.initializers.map(({ name }) => name))
  return {
    inputs: graph.inputs.filter(({ name }) => !initial.has(name)).map(modelValueOf),
    outputs: graph.outputs.filter(({ type }) => type !== undefined).map(modelValueOf),
    firstOutput: graph.outputs[0]?.name ?? '',
    kind: kindOf(file.model),
    namesClasses:
      graph.nodes.some(({ attributes }) => attributes.has('classlabels_strings')) ||
      file.model.proto.metadataProps.some(({ key }) => ['names', 'id2label', 'classes'].includes(key)),
  }
}

const VECTORS = /embed|vector|feature|hidden_state|pooler/i

/** Whether an output is a vector of a sample, or of each token, that is no score. */
export function isVector({ name }: Pick<ModelValue, 'name'>): boolean {
  return VECTORS.test(name)
}

/** Whether an output is scores of the next token. */
export function givesTokens({ inputs }: Pick<Signature, 'inputs'>, output: ModelValue): boolean {
  return tokenInput(inputs) !== undefined && output.shape.length === 3 && !isVector(output)
}

/** What sentence-transformers calls the vector of a text, where the model itself makes one. */
export const SENTENCE_VECTOR = 'sentence_embedding'

/** Whether a model encodes texts: it takes tokens and gives vectors of them, or of the whole. */
export function isEncoder({ inputs, outputs }: Pick<Signature, 'inputs' | 'outputs'>): boolean {
  return tokenInput(inputs) !== undefined && outputs.some(isVector)
}

function modelValueOf({ name, type, shape }: ValueInfo): ModelValue {
  return { name, type: type ?? 'float32', shape: (shape ?? []).map((size, axis) => size ?? `${name}_${axis}`) }
}

const ATTENTION = ['Attention', 'MultiHeadAttention', 'GroupQueryAttention', 'QAttention']

function kindOf({ graph, functions }: Model): Signature['kind'] {
  const nodes = [...graph.nodes, ...functions.flatMap((each) => each.nodes)]
  const count = (ops: readonly string[]) => nodes.filter(({ op }) => ops.includes(op)).length
  if (count(ATTENTION) > 0 || (count(['Softmax']) > 0 && count(['LayerNormalization', 'SkipLayerNormalization']) > 1))
    return 'transformer'
  return count(['Conv', 'FusedConv', 'QLinearConv']) > 2 ? 'cnn' : 'other'
}
