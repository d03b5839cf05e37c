import { elementCount } from '../bytes/datatype.js'
import { chunks, madeAtOnce } from '../bytes/payload.js'
import { PareError } from '../error.js'
import { editGraph, editModel } from '../graph/edit.js'
import { NewTensors } from '../graph/new-tensors.js'
import { GraphWriter } from '../graph/writer.js'
import type { Model, Payload, Tensor } from '../model.js'
import { commonElement, elementSize, isCommon } from './common-element.js'
import type { SparseTensorFacts, StorageStep } from './step.js'

/** Smaller ones are not worth eight nodes. */
const LEAST_ELEMENTS = 256
/** What is stored so has at most this part of its bytes. */
const MOST_BYTES = 0.9
/** Of BitShift and CumSum. */
const LEAST_OPSET = 11

/** The initializers of the main graph that take fewer bytes so. Reads each once. */
export async function planStorage(model: Model): Promise<StorageStep> {
  const { graph, opsets } = model
  const fixed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
  const weights: SparseTensorFacts[] = []
  if ((opsets.get('') ?? 1) >= LEAST_OPSET)
    for (const tensor of graph.initializers) {
      const size = elementSize(tensor)
      const elements = elementCount(tensor.shape)
      if (size === undefined || elements < LEAST_ELEMENTS || fixed.has(tensor.name)) continue
      const { others } = await commonElement(tensor)
      if (elements / 8 + others * size <= MOST_BYTES * elements * size) weights.push({ id: tensor.name, elements, others })
    }
  return { kind: 'store', storage: 'sparse', weights }
}

/**
 * The model with these initializers as a bitmap (1 where an element is not the common one) and the elements that are not, in order, behind the common one. Standard operators put them together, which every run time can
 * do and ONNX Runtime does when it loads the model: w = values[cumsum(bits) · bits]. Bit for bit what they were.
 *
 * @throws PareError where the model has no such initializer.
 */
export async function applyStorage(model: Model, { weights }: Pick<StorageStep, 'weights'>): Promise<Model> {
  if (weights.length === 0) return model
  const { graph } = model
  const writer = new GraphWriter(graph, 'sparse')
  const tensors = new NewTensors(graph)
  const all = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]))
  const shared = {
    shifts: tensors.add('sparse_shifts', { type: 'uint8', shape: [8], values: [7, 6, 5, 4, 3, 2, 1, 0] }),
    last: tensors.add('sparse_last', { type: 'uint8', shape: [], values: [7] }),
  }
  for (const weight of weights) {
    const tensor = all.get(weight.id)
    if (tensor === undefined || elementCount(tensor.shape) !== weight.elements) throw noInitializer(weight, tensor)
    await write(tensor)
  }
  const stored = new Set(weights.map(({ id }) => id))
  const initializers = [...graph.initializers.filter(({ name }) => !stored.has(name)), ...writer.constants, ...tensors.all]
  return editModel(model, { graph: editGraph(graph, { nodes: [...writer.nodes, ...graph.nodes], initializers }) })

  async function write(tensor: Tensor): Promise<void> {
    const { name, type, shape } = tensor
    const elements = elementCount(shape)
    const common = await commonElement(tensor)
    const rows = Math.ceil(elements / 8)
    const bitmap = tensors.add(`${name}_bits`, { type: 'uint8', shape: [rows, 1], data: bitsOf(tensor, common.bytes) })
    const values = tensors.add(`${name}_values`, {
      ...{ type, shape: [1 + common.others] },
      data: othersOf(tensor, common.bytes, common.others),
    })
    const left = writer.own('BitShift', [bitmap, shared.shifts], { direction: 'LEFT' })
    const bits = writer.own('Reshape', [writer.own('BitShift', [left, shared.last], { direction: 'RIGHT' }), writer.ints([-1])])
    const whole = 8 * rows === elements ? bits : writer.own('Slice', [bits, writer.ints([0]), writer.ints([elements])])
    const ones = writer.own('Cast', [whole], { to: INT32 })
    const places = writer.own('Mul', [writer.own('CumSum', [ones, writer.ints(0)]), ones])
    writer.write('Reshape', [writer.own('Gather', [values, places]), writer.ints(shape)], [name])
  }
}

const INT32 = 6n

function bitsOf(tensor: Tensor, common: Uint8Array): Payload {
  const size = common.length
  const rows = Math.ceil(tensor.data.byteLength / size / 8)
  return madeAtOnce(rows, async () => {
    const bits = new Uint8Array(rows)
    for await (const { bytes, offset } of chunks(tensor.data))
      for (let at = 0; at < bytes.length; at += size) {
        const place = (offset + at) / size
        if (!isCommon(bytes, at, common)) bits[place >> 3]! |= 1 << (place & 7)
      }
    return bits
  })
}

function othersOf(tensor: Tensor, common: Uint8Array, others: number): Payload {
  const size = common.length
  return madeAtOnce((1 + others) * size, async () => {
    const values = new Uint8Array((1 + others) * size)
    values.set(common)
    let to = size
    for await (const { bytes } of chunks(tensor.data))
      for (let at = 0; at < bytes.length; at += size)
        if (!isCommon(bytes, at, common)) {
          values.set(bytes.subarray(at, at + size), to)
          to += size
        }
    return values
  })
}

function noInitializer({ id, elements }: SparseTensorFacts, tensor: Tensor | undefined): PareError {
  const has = tensor === undefined ? 'has no such initializer' : `has it as ${tensor.type}[${tensor.shape}]`
  return new PareError(`the plan stores '${id}' with ${elements} elements sparsely, and this model ${has}.`, {
    hint: 'replay a plan on the model it was made for; its path and hash stand at the top of the plan.',
  })
}
