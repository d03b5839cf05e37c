import {
  attributesOf,
  elementCount,
  type Model,
  type Node,
  operatorName,
  type Tensor,
  type Use,
  type Uses,
  usesOf,
} from '@pare/onnx'
import type { QuantisedForm, Quantiser } from './choices.js'
import { isStaticWeight } from './static/integer-graph.js'
import type { QuantisedWeight, UnquantisedWeight } from './step.js'

/** Smaller constants and vectors are left without a word: scales would take what codes save. */
export const LEAST_ELEMENTS = 256

export interface FoundWeights {
  readonly weights: readonly QuantisedWeight[]
  readonly left: readonly UnquantisedWeight[]
}

/** What a method does with each large constant of the main graph, in the order of the graph. */
export function findWeights(model: Model, method: Quantiser): FoundWeights {
  const uses = usesOf(model.graph)
  const weights: QuantisedWeight[] = []
  const left: UnquantisedWeight[] = []
  for (const [id, tensor] of uses.constants) {
    const elements = elementCount(tensor.shape)
    // Integers between layers are worth more than bytes of small weights.
    if (method === 'int8-static' && isStaticWeight(id, tensor, uses)) {
      weights.push({ id, form: 'static', elements })
      continue
    }
    if (elements < LEAST_ELEMENTS || !FLOATS.includes(tensor.type) || (tensor.shape.length < 2 && method !== 'f16')) continue
    const form = formOf({ id, tensor, uses, opset: model.opsets.get('') ?? 1 }, method)
    if (typeof form === 'string') weights.push({ id, form, elements })
    else left.push({ id, elements, reason: form.reason })
  }
  return { weights, left }
}

const FLOATS: readonly string[] = ['float32', 'float16', 'bfloat16', 'float64']

interface Candidate {
  readonly id: string
  readonly tensor: Tensor
  readonly uses: Uses
  readonly opset: number
}

type Choice = QuantisedForm | { readonly reason: string }

function formOf(candidate: Candidate, method: Quantiser): Choice {
  const { id, tensor, uses } = candidate
  const places = uses.of(id)
  const [first] = places
  if (tensor.type !== 'float32') return { reason: `it is stored as ${tensor.type}; only float32 is quantised` }
  if (uses.outputs.has(id)) return { reason: 'it is an output of the model' }
  if (first === undefined || (uses.consumers.get(id) ?? []).some((node) => !node.inputs.includes(id)))
    return { reason: first === undefined ? 'nothing in the main graph reads it' : 'a nested graph reads it' }
  if (method === 'f16') return 'halves'
  const forms = new Set(places.map((place) => formAt(place, candidate, method)))
  const [form] = forms
  if (forms.size === 1 && form !== undefined) return form
  // Read in several ways, it is made floats again for all of them, if they agree on where its units are.
  const axes = new Set(places.map((place) => unitAxis(place, tensor)))
  const [axis] = axes
  if (axes.size === 1 && axis !== undefined) return 'stored'
  const reader = places.find((place) => unitAxis(place, tensor) === undefined) ?? first
  return axes.size > 1 && !axes.has(undefined)
    ? {
        reason: `it is read along more than one axis, by ${places.map(({ node }) => `${node.op} '${nameOf(node)}'`).join(' and ')}`,
      }
    : { reason: `of ${reader.node.op} '${nameOf(reader.node)}', input ${reader.input}, it is not known where its units are` }
}

/** How a weight that is read in this place alone is stored. Undefined: in no way. */
function formAt(place: Use, { tensor, opset }: Candidate, method: Quantiser): QuantisedForm | undefined {
  const { node, input } = place
  const op = operatorName(node)
  if (op === 'Gather' && input === 0 && unitAxis(place, tensor) === 0) return 'rows'
  if (isProduct(place, tensor)) {
    if (method === 'int8' || method === 'int8-static') return opset >= 11 ? 'integers' : 'stored'
    return 'blocks'
  }
  return unitAxis(place, tensor) === undefined ? undefined : 'stored'
}

/** Whether it is the right side of a product whose inputs are summed over one axis of it. */
export function isProduct({ node, input }: Use, { shape }: Tensor): boolean {
  if (input !== 1 || shape.length !== 2) return false
  const op = operatorName(node)
  if (op === 'MatMul') return true
  const { alpha, beta, transA } = gemmOf(node)
  return op === 'Gemm' && alpha === 1 && (beta === 1 || (node.inputs[2] ?? '') === '') && transA === 0
}

export function gemmOf(node: Node): { alpha: number; beta: number; transA: number; transB: number } {
  const attributes = attributesOf(node)
  return {
    alpha: attributes.float('alpha', 1),
    beta: attributes.float('beta', 1),
    transA: attributes.int('transA', 0),
    transB: attributes.int('transB', 0),
  }
}

/** The axis of a weight along which its output units lie: each gets a scale of its own. Undefined: not known. */
export function unitAxis({ node, input }: Use, { shape }: Tensor): number | undefined {
  switch (operatorName(node)) {
    case 'MatMul':
      return input === 1 ? shape.length - 1 : shape.length - 2
    case 'Gemm':
      return gemmOf(node)[input === 1 ? 'transB' : 'transA'] === (input === 1 ? 1 : 0) ? 0 : 1
    case 'Conv':
    case 'com.microsoft.FusedConv':
      return input === 1 ? 0 : undefined
    case 'ConvTranspose':
      return input === 1 ? 1 : undefined
    case 'Gather':
      return input === 0 && attributesOf(node).int('axis', 0) === 0 ? 0 : undefined
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return input === 1 || input === 2 ? 1 : undefined
    case 'com.microsoft.Attention':
      return input === 1 ? 1 : undefined
    default:
      return undefined
  }
}

function nameOf(node: Node): string {
  return node.name || node.outputs.find((name) => name !== '') || node.op
}
