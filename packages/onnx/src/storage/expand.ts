import { elementCount } from '../bytes/datatype.js'
import { readAll } from '../bytes/payload.js'
import { valuesOf } from '../bytes/values.js'
import { attributesOf } from '../graph/attributes.js'
import { editGraph, editModel } from '../graph/edit.js'
import { makeTensor } from '../graph/make.js'
import { operatorName } from '../graph/operator-name.js'
import { type Uses, usesOf } from '../graph/uses.js'
import { withoutDead } from '../graph/without-dead.js'
import type { Model, Node, Payload, Tensor } from '../model.js'
import { elementSize } from './common-element.js'

/**
 * The model with weights that are stored sparsely, as `applyStorage` writes them, as plain initializers again, bit for bit. They are put together where they are read, without a run time. What looks alike and is not whole (a bitmap of
 * another size, other numbers of values) stays as it is. The model itself where there is none.
 */
export async function expandStorage(model: Model): Promise<Model> {
  const { graph } = model
  const uses = usesOf(graph)
  const tensors = new Map<string, Tensor>()
  for (const node of graph.nodes) {
    const tensor = operatorName(node) === 'Reshape' ? await expandedFrom(node, uses) : undefined
    if (tensor !== undefined) tensors.set(tensor.name, tensor)
  }
  if (tensors.size === 0) return model
  const nodes = graph.nodes.filter(({ outputs }) => !outputs.some((name) => tensors.has(name)))
  const initializers = [...graph.initializers, ...tensors.values()]
  return withoutDead(model, editModel(model, { graph: editGraph(graph, { nodes, initializers }) }))
}

/** What a Reshape makes of a bitmap and values. */
async function expandedFrom(node: Node, uses: Uses): Promise<Tensor | undefined> {
  const { constants } = uses
  const [gather] = makers(node, uses, ['Gather'])
  const values = constants.get(gather?.inputs[0] ?? '')
  if (gather === undefined || values === undefined || attributesOf(gather).int('axis', 0) !== 0) return undefined
  const size = elementSize(values)
  const [, places] = makers(gather, uses, [undefined, 'Mul'])
  const [sums, ones] = places === undefined ? [] : makers(places, uses, ['CumSum', 'Cast'])
  if (size === undefined || sums === undefined || ones === undefined || sums.inputs[0] !== ones.outputs[0]) return undefined
  if (sums.attributes.size > 0 || (await integersIn(sums.inputs[1], constants))?.join() !== '0') return undefined
  const [sliced] = makers(ones, uses, ['Slice'])
  const [flat] = makers(sliced ?? ones, uses, ['Reshape'])
  const [right] = flat === undefined ? [] : makers(flat, uses, ['BitShift'])
  const [left] = right === undefined ? [] : makers(right, uses, ['BitShift'])
  const bitmap = constants.get(left?.inputs[0] ?? '')
  if (bitmap?.type !== 'uint8' || left === undefined || right === undefined) return undefined
  const isShifted =
    attributesOf(left).string('direction', '') === 'LEFT' &&
    attributesOf(right).string('direction', '') === 'RIGHT' &&
    (await integersIn(left.inputs[1], constants))?.join() === '7,6,5,4,3,2,1,0' &&
    (await integersIn(right.inputs[1], constants))?.join() === '7'
  const shape = await integersIn(node.inputs[1], constants)
  const elements = shape?.every((axis) => axis >= 0) ? elementCount(shape) : -1
  const isWhole =
    bitmap.shape.length === 2 && bitmap.shape[1] === 1 && bitmap.shape[0] === Math.ceil(elements / 8) && values.shape.length === 1
  if (!isShifted || !isWhole || (sliced === undefined) !== (elements % 8 === 0)) return undefined
  if (sliced !== undefined) {
    const [from, to] = await Promise.all([1, 2].map((input) => integersIn(sliced.inputs[input], constants)))
    if (from?.join() !== '0' || to?.join() !== `${elements}` || sliced.inputs.length > 3) return undefined
  }
  const bits = await readAll(bitmap.data)
  if (elements % 8 !== 0) bits[bits.length - 1]! &= (1 << (elements % 8)) - 1
  const ranks = ranksOf(bits)
  if (ranks.at(-1)! + 1 !== values.shape[0]) return undefined
  const data = expandedPayload({ bits, ranks, values: values.data, size, elements })
  return makeTensor({ name: node.outputs[0]!, type: values.type, shape: shape!, data })
}

/** What makes the inputs of a node, where it is the operator that is expected there. */
function makers(node: Node, { producers }: Uses, ops: readonly (string | undefined)[]): (Node | undefined)[] {
  return ops.map((op, input) => {
    const producer = producers.get(node.inputs[input] ?? '')
    return op !== undefined && producer !== undefined && operatorName(producer) === op ? producer : undefined
  })
}

async function integersIn(name: string | undefined, constants: Uses['constants']): Promise<number[] | undefined> {
  const tensor = constants.get(name ?? '')
  if (tensor === undefined || elementCount(tensor.shape) > 8 || !['int64', 'uint8'].includes(tensor.type)) return undefined
  return Array.from(valuesOf(tensor.type, await readAll(tensor.data)), Number)
}

/** Bytes of a bitmap whose ones are counted together. */
const STRIDE = 64

/** f64[strides + 1]: ones before each stride of a bitmap, and all at the end. */
function ranksOf(bits: Uint8Array): Float64Array {
  const ranks = new Float64Array(Math.ceil(bits.length / STRIDE) + 1)
  for (let stride = 0; stride + 1 < ranks.length; stride++) {
    let count = 0
    for (const byte of bits.subarray(stride * STRIDE, (stride + 1) * STRIDE)) count += onesIn(byte)
    ranks[stride + 1] = ranks[stride]! + count
  }
  return ranks
}

function onesIn(byte: number): number {
  let count = 0
  for (let rest = byte; rest > 0; rest &= rest - 1) count++
  return count
}

interface Bitmap {
  readonly bits: Uint8Array
  readonly ranks: Float64Array
  /** The common element, and then the others. */
  readonly values: Payload
  /** Of an element, in bytes. */
  readonly size: number
  readonly elements: number
}

/** Elements from whatever stretch is read, of whole elements. */
function expandedPayload({ bits, ranks, values, size, elements }: Bitmap): Payload {
  const isOther = (place: number) => (bits[place >> 3]! >> (place & 7)) & 1
  const rankOf = (place: number) => {
    const stride = Math.floor(place / (8 * STRIDE))
    let rank = ranks[stride]!
    for (let at = stride * 8 * STRIDE; at < place; at++) rank += isOther(at)
    return rank
  }
  return {
    byteLength: elements * size,
    async read(target, offset) {
      const [from, to] = [Math.floor(offset / size), Math.ceil((offset + target.byteLength) / size)]
      const [first, last] = [rankOf(from), rankOf(to)]
      const common = new Uint8Array(size)
      await values.read(common, 0)
      const isFilled = common.some((byte) => byte !== 0)
      const others = new Uint8Array((last - first) * size)
      if (others.length > 0) await values.read(others, (1 + first) * size)
      const whole = new Uint8Array((to - from) * size)
      let next = 0
      for (let place = from; place < to; place++) {
        const isOwn = isOther(place) === 1
        if (isOwn || isFilled) whole.set(isOwn ? others.subarray(next, next + size) : common, (place - from) * size)
        if (isOwn) next += size
      }
      target.set(whole.subarray(offset - from * size, offset - from * size + target.byteLength))
    },
  }
}
