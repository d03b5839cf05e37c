import { attributesOf, keyOf, type Node } from '@pare/onnx'
import { computed } from '../arrays/compute.js'
import { type DeviceStore, type DeviceType, type LazyArray, sizeOf, storesIn } from '../arrays/element.js'
import { type DeviceMemory, Recording } from '../arrays/recording.js'
import { normalise } from '../arrays/rows.js'
import { arrayOf, hostArray, isPlain, transposed } from '../arrays/views.js'
import type { PreparedDispatches } from '../dispatch.js'
import type { DeviceProduct } from '../products/product.js'
import { operatorOf } from './operators/operators.js'
import { UnsupportedCall } from './operators/recorded-call.js'
import type { DevicePart, ModelParts } from './parts.js'

/** Parts that run on the device one after another. */
export interface Stage {
  readonly parts: readonly DevicePart[]
  /** Values that others make. */
  readonly inputs: readonly string[]
  /** Values that others read, or outputs of the model. */
  readonly outputs: readonly string[]
}

/** What a stage is recorded for: values of these dimensions, or numbers that are known before anything runs. */
export type Incoming =
  | { readonly kind: 'device'; readonly type: DeviceType; readonly dims: readonly number[] }
  | { readonly kind: 'numbers'; readonly type: DeviceType; readonly dims: readonly number[]; readonly values: ArrayLike<number> }

export interface RecordedStage extends Disposable {
  readonly prepared: PreparedDispatches
  /** To be written before each run. */
  readonly inputs: ReadonlyMap<string, DeviceStore>
  /** There after each run, until another recording runs: plain arrays, of this process where they depend on no value. */
  readonly outputs: ReadonlyMap<string, LazyArray>
}

/** A part could not be recorded. */
export class PartFailure extends Error {
  readonly node: Node
  /** What keeps the part from being recorded. */
  readonly needs: LazyArray | undefined
  /** Inputs of the stage whose numbers would have to be known. */
  readonly wanted: readonly string[]

  constructor(
    node: Node,
    { message, needs, wanted = [] }: { message: string; needs?: LazyArray | undefined; wanted?: readonly string[] },
  ) {
    super(message)
    this.name = 'PartFailure'
    this.node = node
    this.needs = needs
    this.wanted = wanted
  }
}

export interface Recorder {
  readonly memory: DeviceMemory
  readonly model: ModelParts
  readonly productOf: (part: Extract<DevicePart, { kind: 'product' }>) => DeviceProduct
}

/** Records a stage for values of these dimensions. Throws PartFailure where a node has no kernel for what it is given. */
export async function recordStage(
  recorder: Recorder,
  stage: Stage,
  incoming: ReadonlyMap<string, Incoming>,
): Promise<RecordedStage> {
  const recording = new Recording(recorder.memory)
  const inputs = new Map<string, DeviceStore>()
  try {
    return await recorded(recorder, { recording, stage, incoming, inputs })
  } catch (error) {
    recording.abandon()
    if (!(error instanceof PartFailure) || error.needs === undefined) throw error
    const stores = storesIn(error.needs.element).filter(({ kind }) => kind === 'device')
    const wanted = [...inputs].filter(([, store]) => stores.includes(store)).map(([name]) => name)
    throw wanted.length === stores.length ? new PartFailure(error.node, { message: error.message, wanted }) : error
  }
}

interface ToRecord {
  readonly recording: Recording
  readonly stage: Stage
  readonly incoming: ReadonlyMap<string, Incoming>
  /** Filled. */
  readonly inputs: Map<string, DeviceStore>
}

async function recorded(recorder: Recorder, { recording, stage, incoming, inputs }: ToRecord): Promise<RecordedStage> {
  const { constants } = recorder.model
  const values = new Map<string, LazyArray>(constants)
  for (const [name, value] of incoming) {
    if (value.kind === 'numbers') values.set(name, hostArray(value.type, value.dims, value.values))
    else {
      const store = recording.take(sizeOf(value.dims))
      inputs.set(name, store)
      values.set(name, arrayOf(value.type, value.dims, store))
      recording.hold(values.get(name)!)
    }
  }
  const readers = countReaders(stage)
  const left = new Map(readers)
  for (const part of stage.parts) {
    const results = recordPart(recorder, { recording, part, values })
    for (const [i, name] of part.outputs.entries()) {
      const array = resultOf(recording, results[i]!, { readers: readers.get(name) ?? 0, isOutput: stage.outputs.includes(name) })
      values.set(name, array)
      recording.hold(array)
    }
    for (const name of new Set([...part.inputs, ...part.outputs])) {
      const count = left.get(name) ?? 0
      if (part.inputs.includes(name)) left.set(name, count - 1)
      if ((left.get(name) ?? 0) > 0 || stage.outputs.includes(name)) continue
      recording.drop(values.get(name)!)
      values.delete(name)
    }
    recording.sweep()
  }
  const outputs = new Map(stage.outputs.map((name) => [name, values.get(name)!]))
  const prepared = await recording.finish()
  return { prepared, inputs, outputs, [Symbol.dispose]: () => prepared[Symbol.dispose]() }
}

function countReaders({ parts }: Stage): Map<string, number> {
  const readers = new Map<string, number>()
  for (const part of parts) for (const name of new Set(part.inputs)) readers.set(name, (readers.get(name) ?? 0) + 1)
  return readers
}

/** What several read is computed once, and what leaves lies plainly. */
function resultOf(
  recording: Recording,
  array: LazyArray,
  { readers, isOutput }: { readers: number; isOutput: boolean },
): LazyArray {
  const isView = array.element.kind === 'read'
  return isOutput || (readers > 1 && !isView && storesIn(array.element).length > 0) ? computed(recording, array) : array
}

interface Recorded {
  readonly recording: Recording
  readonly part: DevicePart
  readonly values: ReadonlyMap<string, LazyArray>
}

function recordPart(recorder: Recorder, { recording, part, values }: Recorded): readonly LazyArray[] {
  try {
    switch (part.kind) {
      case 'product':
        return [recordProduct(recorder, recording, part, values.get(part.inputs[0]!)!)]
      case 'norm': {
        const x = values.get(part.inputs[0]!)!
        return [normalise(recording, x, { ...part.norm, axes: [x.dims.length - 1] })]
      }
      case 'node': {
        const { node } = part
        const opset = recorder.model.model.opsets.get(node.domain) ?? 1
        const inputs = node.inputs.map((name) => (name === '' ? undefined : values.get(name)))
        const made = operatorOf(node)!({ node, recording, opset, attributes: attributesOf(node), inputs })
        const all = Array.isArray(made) ? (made as readonly LazyArray[]) : [made as LazyArray]
        return all.filter((_, i) => node.outputs[i] !== '')
      }
      default:
        return part satisfies never
    }
  } catch (error) {
    const reason =
      error instanceof UnsupportedCall ? error : error instanceof RangeError ? new UnsupportedCall(error.message) : undefined
    if (reason === undefined) throw new Error(`gpu: ${keyOf(part.nodes[0]!)}: ${(error as Error).message}`, { cause: error })
    throw new PartFailure(part.nodes[0]!, { message: reason.message, needs: reason.needs })
  }
}

/** [..., in] · Wᵀ; of a convolution of 1 × 1 the channels stand second, and each place is a row. */
function recordProduct(
  recorder: Recorder,
  recording: Recording,
  part: Extract<DevicePart, { kind: 'product' }>,
  x: LazyArray,
): LazyArray {
  const product = recorder.productOf(part)
  const isConv = part.site.op === 'Conv'
  const rank = x.dims.length
  const order = isConv ? [0, ...x.dims.map((_, axis) => axis).slice(2), 1] : undefined
  const rows = order === undefined ? x : transposed(x, order)
  const input = computed(recording, rows)
  if (!isPlain(input)) throw new Error('rows do not lie one after another')
  if (input.dims.at(-1) !== product.in)
    throw new RangeError(`[${x.dims}] cannot be multiplied with a weight [${product.out}, ${product.in}]`)
  const dims = input.dims.with(-1, product.out)
  const m = sizeOf(dims.slice(0, -1))
  const store = recording.take(sizeOf(dims))
  if (m * product.out * product.in > 0) {
    const { buffer } = recording.resident(input.element.store, 'f32')
    const scratch = recording.take(Math.max(1, product.scratchWords(m))).buffer
    recording.dispatches.push(...product.dispatches(m, { x: buffer, y: store.buffer, scratch }))
  }
  const y = arrayOf('f32', dims, store)
  return isConv ? transposed(y, [0, rank - 1, ...dims.map((_, axis) => axis).slice(1, -1)]) : y
}
