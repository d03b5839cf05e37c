import { elementCount, type Model, operatorName, type Tensor, type Uses, usesOf } from '@pare/onnx'
import type { QuantisedForm, Quantiser } from './choices.js'
import { HALF_TYPES, isHalf } from './halves/halves.js'
import { isRoundable } from './halves/stored-halves.js'
import { isProduct, nameOf, type Place, placesOf, unitAxis } from './place.js'
import { isStaticWeight } from './static/integer-graph.js'
import type { QuantisedWeight, UnquantisedWeight } from './step.js'

/** Smaller constants and vectors are left without a word: scales would take what codes save. */
export const LEAST_ELEMENTS = 256

export interface FoundWeights {
  readonly weights: readonly QuantisedWeight[]
  readonly left: readonly UnquantisedWeight[]
}

/** What a method does with each large constant of the main graph, in the order of the graph. `block`: inputs that share a scale, where they do in blocks. */
export function findWeights(model: Model, method: Quantiser, block: number): FoundWeights {
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
    if (elements < LEAST_ELEMENTS || !FLOATS.includes(tensor.type) || (tensor.shape.length < 2 && !isHalf(method))) continue
    const form = formOf({ id, tensor, uses, block, opset: model.opsets.get('') ?? 1 }, method)
    if (typeof form === 'string') weights.push({ id, form, elements })
    else left.push({ id, elements, reason: form.reason })
  }
  return { weights, left }
}

/** The opset from which on Cast makes floats of bfloat16. */
const CAST_OF_BFLOAT16 = 13

const FLOATS: readonly string[] = ['float32', 'float16', 'bfloat16', 'float64']

interface Candidate {
  readonly id: string
  readonly tensor: Tensor
  readonly uses: Uses
  readonly opset: number
  readonly block: number
}

type Choice = QuantisedForm | { readonly reason: string }

function formOf(candidate: Candidate, method: Quantiser): Choice {
  const { id, tensor, uses, opset } = candidate
  const places = placesOf(id, uses)
  const [first] = places
  if (isHalf(method) && tensor.type === HALF_TYPES[method]) return { reason: 'it is stored as halves already' }
  if (isHalf(method) ? tensor.type !== 'float32' : !isRoundable(tensor.type))
    return { reason: `it is ${tensor.type}; ${isHalf(method) ? 'only float32 is' : 'float32 and float16 are'} given fewer bits` }
  if (uses.outputs.has(id)) return { reason: 'it is an output of the model' }
  if (first === undefined || (uses.consumers.get(id) ?? []).some((node) => !node.inputs.includes(id)))
    return { reason: first === undefined ? 'nothing in the main graph reads it' : 'a nested graph reads it' }
  if (method === 'bf16' && opset < CAST_OF_BFLOAT16)
    return { reason: `the model has opset ${opset}, and Cast reads bfloat16 from opset ${CAST_OF_BFLOAT16} on` }
  if (isHalf(method)) return 'halves'
  if (method === 'int8-static' && tensor.type === 'float16' && places.some((place) => isMultiplied(place, tensor)))
    return { reason: 'it is float16, and between products ONNX Runtime rounds float32 alone; int8 rounds it' }
  const forms = new Set(places.map((place) => formAt(place, candidate, method)))
  const [form] = forms
  if (forms.size === 1 && form !== undefined) return form
  if (isTied(forms, candidate) && places.every((place) => unitAxis(place, tensor) === 0)) return 'tied'
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

/** Whether rows are taken of what is multiplied with, and one table of codes does for both: rows must be whole blocks. */
function isTied(forms: ReadonlySet<QuantisedForm | undefined>, { tensor, block }: Candidate): boolean {
  if (forms.size !== 2 || !forms.has('rows')) return false
  return forms.has('integers') || (forms.has('blocks') && tensor.shape[1]! % block === 0)
}

function isMultiplied(place: Place, tensor: Tensor): boolean {
  return isProduct(place, tensor) || operatorName(place.node) === 'Conv'
}

/** How a weight that is read in this place alone is stored. Undefined: in no way. */
function formAt(place: Place, { tensor, opset }: Candidate, method: Quantiser): QuantisedForm | undefined {
  const { node, input } = place
  const op = operatorName(node)
  if (op === 'Gather' && input === 0 && unitAxis(place, tensor) === 0) return 'rows'
  if (isProduct(place, tensor)) {
    if (method === 'int8' || method === 'int8-static') return opset >= 11 ? 'integers' : 'stored'
    return 'blocks'
  }
  return unitAxis(place, tensor) === undefined ? undefined : 'stored'
}
