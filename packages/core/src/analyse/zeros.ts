import { quantisationOf } from '@pare/axes'
import { chunks, elementCount, isFloat, type Model, type Tensor, visitNodes, withTensors } from '@pare/onnx'
import { CHUNK_BYTES, floatType, narrowest } from '../backend/stream.js'
import { maskedBy, type PlanStep } from '../plan/plan.js'
import { weightsOf } from './analyse.js'

export interface Parameters {
  /**
   * Elements of all floating-point tensors with at least one axis, each stored tensor once, and of the weights and biases that are stored in integers; not
   * the statistics of BatchNormalization, nor scales and zero points.
   */
  readonly elements: number
  /** Those that are zero before and after the steps. */
  readonly zeros: { readonly before: number; readonly after: number }
}

/** Counts parameters. Tensors that `steps` looked at are not read again. */
export async function countParameters(model: Model, steps: readonly PlanStep[] = []): Promise<Parameters> {
  const ids = new Map(weightsOf(model).map(({ id, tensor }) => [tensor, id]))
  const first = new Map(
    maskedBy(steps)
      .reverse()
      .map((entry) => [entry.id, entry]),
  )
  const last = new Map(maskedBy(steps).map((entry) => [entry.id, entry]))
  let elements = 0
  let before = 0
  let after = 0
  for (const tensor of parameterTensors(model)) {
    const id = ids.get(tensor) ?? ''
    const zeros = first.get(id)?.zeros ?? (await countZeros(tensor))
    elements += elementCount(tensor.shape)
    before += zeros
    after += last.get(id)?.masked ?? zeros
  }
  return { elements, zeros: { before, after } }
}

/** Counts the parameters of a model, and reads none of them. */
export function countElements(model: Model): number {
  return [...parameterTensors(model)].reduce((elements, { shape }) => elements + elementCount(shape), 0)
}

/** The tensors that count as parameters. What is stored in integers stands here as the numbers that it stands for. */
export function parameterTensors(model: Model): ReadonlySet<Tensor> {
  const tensors = new Set<Tensor>()
  const quantisation = quantisationOf(model)
  withTensors(model, (tensor, id) => {
    const values = quantisation.tensors.get(id)?.values ?? tensor
    if (isFloat(values.type) && values.shape.length > 0 && !quantisation.scales.has(tensor)) tensors.add(values)
    return tensor
  })
  const taken = new Map<string, Tensor>()
  const cast = new Set<string>()
  visitNodes(model, (node, scope) => {
    const [first = '', second = ''] = node.inputs
    const table = node.op === 'Gather' ? scope.constant(first)?.tensor : undefined
    if (table !== undefined) taken.set(node.outputs[0]!, table)
    // Rows of a table of 8 bits are taken first, become floats then, and are multiplied with the scale of each.
    const codes = node.op === 'Cast' ? taken.get(first) : undefined
    if (codes?.type === 'int8' && codes.shape.length > 1) {
      tensors.add(codes)
      cast.add(node.outputs[0]!)
    }
    if (node.op === 'Mul' && cast.has(first) && taken.has(second)) tensors.delete(taken.get(second)!)
    // Inputs 3 and 4 of BatchNormalization are a mean and a variance: measured, not learnt.
    if (node.op !== 'BatchNormalization') return
    for (const name of node.inputs.slice(3)) {
      const statistic = scope.constant(name)
      if (statistic !== undefined) tensors.delete(statistic.tensor)
    }
  })
  return tensors
}

/** Elements that are zero, of a floating-point tensor or of one of 8 bits around 0. */
export async function countZeros(tensor: Tensor): Promise<number> {
  let zeros = 0
  for await (const { bytes } of chunks(tensor.data, CHUNK_BYTES)) {
    const values = tensor.type === 'int8' ? bytes : narrowest(bytes, floatType(tensor))
    for (let i = 0; i < values.length; i++) zeros += -(values[i] === 0) & 1
  }
  return zeros
}
