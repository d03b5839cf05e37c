import {
  type DataType,
  editGraph,
  editModel,
  elementCount,
  type Model,
  makeValueInfo,
  PareError,
  readAll,
  type Tensor,
  withoutDead,
} from '@pare/onnx'
import type { Weight } from '../contract/contract.js'
import type { InputValue, Setting } from './trials.js'

/** A model with some weights as inputs, and what they hold. */
export interface SettableModel {
  readonly model: Model
  readonly defaults: Setting
}

/** Why a weight cannot become an input; undefined where it can. */
export function notSettable(model: Model, { id, tensor, quantised }: Weight): string | undefined {
  if (quantised !== undefined) return `it is ${quantised.form}, and integers cannot be given from outside`
  if (!Object.hasOwn(ARRAYS, tensor.type)) return `it holds ${tensor.type}, which cannot be given from outside`
  const isConstant = model.graph.nodes.some(({ op, outputs }) => op === 'Constant' && outputs[0] === id)
  return isConstant || model.graph.initializers.includes(tensor) ? undefined : 'it lies in a subgraph'
}

/** The model with weights as inputs under their ids. What they hold is read. */
export async function withSettable(model: Model, weights: readonly Weight[]): Promise<SettableModel> {
  const ids = new Set(weights.map(({ id }) => id))
  const tensors = new Set(weights.map(({ tensor }) => tensor))
  const inputs = weights.map(({ id, tensor: { type, shape } }) => makeValueInfo({ name: id, type, shape }))
  const { graph } = model
  const edited = editGraph(graph, {
    // Weights that are constant nodes come from outside now.
    nodes: graph.nodes.filter(({ op, outputs }) => !(op === 'Constant' && ids.has(outputs[0]!))),
    initializers: graph.initializers.filter((tensor) => !tensors.has(tensor)),
    inputs: [...graph.inputs.filter(({ name }) => !ids.has(name)), ...inputs],
  })
  const defaults: Record<string, InputValue> = {}
  for (const { id, tensor } of weights) defaults[id] = await inputValueOf(tensor)
  return { model: withoutDead(model, editModel(model, { graph: edited })), defaults }
}

/** Bytes that a weight takes while it is tried. */
export function bytesToSet({ tensor }: Weight): number {
  return elementCount(tensor.shape) * (ARRAYS[tensor.type as InputValue['type']]?.BYTES_PER_ELEMENT ?? 0)
}

const ARRAYS: Record<InputValue['type'], typeof Float32Array | typeof Float64Array | typeof Uint16Array> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
}

export async function inputValueOf({ name, type, shape, data }: Tensor): Promise<InputValue> {
  const array = ARRAYS[type as InputValue['type']]
  if (array === undefined) throw notFloat(name, type)
  const bytes = await readAll(data)
  // A copy of its own: elements must begin at a multiple of their size.
  return { type: type as InputValue['type'], shape, data: new array(bytes.slice().buffer) }
}

function notFloat(name: string, type: DataType): PareError {
  return new PareError(`'${name}' holds ${type}, and only weights of f32, f64 and f16 can be tried out.`, {
    hint: `leave it out with --exclude '${name}'.`,
  })
}
