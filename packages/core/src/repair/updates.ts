import { bytesOf, type Constant, keyOf, type Model, makePayload, readAll, sha256, type Tensor, visitNodes } from '@pare/onnx'
import type { UpdatedTensor } from '../apply/update.js'
import { floatsOf, floatType } from '../backend/stream.js'
import type { ConstantOperand } from './repairable.js'

/** The elements of a constant of floats. */
export async function readFloats({ tensor }: Constant): Promise<Float64Array> {
  return Float64Array.from(floatsOf(await readAll(tensor.data), floatType(tensor), 'f64'))
}

/** How often constants are read, by id. */
export function countReaders(model: Model): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  visitNodes(model, (node, scope) => {
    if (node.op === 'Identity') return
    for (const name of node.inputs) {
      const id = name === '' ? undefined : scope.constant(name)?.id
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
    }
  })
  return counts
}

/** A vector with other numbers: in place, or for this reader alone where others read it too or there was none. */
export async function updatedVector(
  { node, input, constant }: ConstantOperand,
  values: ArrayLike<number>,
  { type, readers }: { readonly type: Tensor['type']; readonly readers: ReadonlyMap<string, number> },
): Promise<UpdatedTensor> {
  const id = `${keyOf(node)}/repaired${input}`
  const addition = { id, type, shape: [values.length], readers: [[keyOf(node), input] as const] }
  if (constant === undefined) return withData(addition, values)
  const { tensor } = constant
  const own = { id: constant.id, type: tensor.type, shape: tensor.shape }
  return withData(readers.get(constant.id) === 1 ? own : { ...own, id, readers: addition.readers }, values)
}

async function withData(tensor: Omit<UpdatedTensor, 'sha256' | 'data'>, values: ArrayLike<number>): Promise<UpdatedTensor> {
  const data = makePayload(bytesOf(tensor.type, values))
  return { ...tensor, sha256: await sha256(data), data }
}
