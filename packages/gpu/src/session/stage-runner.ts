import type { DenseStep } from '@pare/sparse/graph'
import type * as Ort from 'onnxruntime-common'
import { type DeviceStore, isOnHost, type LazyArray, sizeOf } from '../arrays/element.js'
import { numbersOf } from '../arrays/host.js'
import { type DeviceMemory, stored } from '../arrays/recording.js'
import { BUFFER, MAP_READ } from '../usage.js'
import type { ModelParts } from './parts.js'
import { type Incoming, type RecordedStage, type Recorder, recordStage, type Stage } from './record.js'
import type { StageStep } from './stages.js'
import type { DeviceFeeds, DeviceResults } from './tensors.js'
import { DeviceTensor, isDeviceTensor, numbersOfTensor, tensorOf, typeOnDevice, wordsOfTensor } from './tensors.js'

/** What is run. */
export interface ModelStages {
  readonly steps: readonly StageStep[]
  readonly segments: ReadonlyMap<DenseStep, Ort.InferenceSession>
  readonly parts: ModelParts
}

export interface RunnerOptions {
  readonly memory: DeviceMemory
  /** Types of the outputs of the model, and of what crosses to ONNX Runtime, as it calls them. */
  readonly types: ReadonlyMap<string, string>
  readonly keep: ReadonlySet<string>
  readonly productOf: Recorder['productOf']
}

export interface RunCosts {
  submissions: number
  dispatches: number
  uploaded: number
  readBack: number
  copied: number
}

interface StageTurn {
  readonly stage: Stage
  /** Its place among the steps. */
  readonly number: number
  readonly parts: ModelParts
  readonly values: Map<string, RunValue>
  /** Values that come back to this process. */
  readonly leaves: ReadonlySet<string>
}

/** A value while a model runs. */
type RunValue = Ort.Tensor | DeviceTensor

/** Recordings that are kept: sizes of inputs that come in turn. */
const MOST_RECORDINGS = 8
/** Integers of ONNX Runtime that are so few may decide shapes: they are known before a stage is recorded. */
const FEW = 16

/** Runs stages, recorded once for each size of what they read, with one submission and one answer each. */
export class StageRunner {
  costs: RunCosts = { submissions: 0, dispatches: 0, uploaded: 0, readBack: 0, copied: 0 }
  readonly #options: RunnerOptions
  readonly #recorded = new Map<string, RecordedStage>()
  readonly #asNumbers = new Set<string>()

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /** Values whose numbers are to be known before a stage is recorded. False where nothing is new. */
  takeAsNumbers(names: readonly string[]): boolean {
    const fresh = names.filter((name) => !this.#asNumbers.has(name))
    for (const name of fresh) this.#asNumbers.add(name)
    return fresh.length > 0
  }

  forget(): void {
    for (const each of this.#recorded.values()) each[Symbol.dispose]()
    this.#recorded.clear()
  }

  async run({ steps, segments, parts }: ModelStages, feeds: DeviceFeeds): Promise<DeviceResults> {
    this.costs = { submissions: 0, dispatches: 0, uploaded: 0, readBack: 0, copied: 0 }
    const values = new Map<string, RunValue>(Object.entries(feeds))
    const outputs = parts.model.graph.outputs.map(({ name }) => name)
    const read = steps.flatMap((step) => (step.kind === 'dense' ? step.step.inputs : []))
    const leaves = new Set([...outputs, ...read].filter((name) => !this.#options.keep.has(name)))
    try {
      for (const [i, step] of steps.entries()) {
        if (step.kind === 'device') await this.#runStage({ stage: step.stage, number: i, parts, values, leaves })
        else {
          const inputs = Object.fromEntries(
            await Promise.all(step.step.inputs.map(async (name) => [name, await asTensor(values.get(name)!)])),
          )
          const results = await segments.get(step.step)!.run(inputs)
          for (const name of step.step.outputs) {
            const tensor = results[name]!
            values.set(name, tensor)
            if (/int/.test(tensor.type) && tensor.size <= FEW) this.#asNumbers.add(name)
          }
        }
      }
      const results = await Promise.all(
        outputs.map(
          async (name) => [name, this.#options.keep.has(name) ? values.get(name)! : await asTensor(values.get(name)!)] as const,
        ),
      )
      return Object.fromEntries(results)
    } finally {
      for (const [name, value] of values)
        if (isDeviceTensor(value) && feeds[name] !== value && !(outputs.includes(name) && this.#options.keep.has(name)))
          value.dispose()
    }
  }

  async #runStage({ stage, number, parts, values, leaves }: StageTurn): Promise<void> {
    const { memory, types, productOf } = this.#options
    const incoming = new Map<string, Incoming>()
    for (const name of stage.inputs) incoming.set(name, await this.#incoming(name, values.get(name)))
    const key = `${number} ${[...incoming].map(([name, value]) => `${name} ${value.dims}${value.kind === 'numbers' ? `=${Array.from(value.values)}` : ''}`).join(';')}`
    let recorded = this.#recorded.get(key)
    recorded ??= await recordStage({ memory, model: parts, productOf }, stage, incoming)
    // The most recent stands last.
    this.#recorded.delete(key)
    this.#recorded.set(key, recorded)
    for (const [oldest, each] of this.#recorded) {
      if (this.#recorded.size <= MOST_RECORDINGS) break
      each[Symbol.dispose]()
      this.#recorded.delete(oldest)
    }

    const { device } = memory.gpu
    const encoder = device.createCommandEncoder()
    for (const [name, store] of recorded.inputs) this.#write(encoder, store, values.get(name)!)
    const pass = encoder.beginComputePass()
    recorded.prepared.encode(pass)
    pass.end()
    const results = [...recorded.outputs].map(([name, array]) => ({
      name,
      array,
      type: types.get(name) ?? ONNX_TYPES[array.type],
      bytes: 4 * sizeOf(array.dims),
    }))
    const onDevice = results.filter(({ array }) => !isOnHost(array.element))
    const leaving = onDevice.filter(({ name }) => leaves.has(name))
    const staying = onDevice.filter((each) => !leaving.includes(each))
    for (const { name, array, type, bytes } of staying) {
      const buffer = memory.gpu.buffer(bytes)
      if (bytes > 0) encoder.copyBufferToBuffer(bufferOf(array), 0, buffer, 0, bytes)
      this.costs.copied += bytes
      values.set(name, new DeviceTensor(memory.gpu, { type, dims: array.dims, buffer }))
    }
    const total = leaving.reduce((sum, { bytes }) => sum + bytes, 0)
    const staging = device.createBuffer({ size: Math.max(4, total), usage: BUFFER.mapRead | BUFFER.copyTarget })
    let at = 0
    for (const { array, bytes } of leaving) {
      if (bytes > 0) encoder.copyBufferToBuffer(bufferOf(array), 0, staging, at, bytes)
      at += bytes
    }
    device.queue.submit([encoder.finish()])
    this.costs.submissions++
    this.costs.dispatches += recorded.prepared.dispatches
    this.costs.readBack += total
    if (total > 0) await memory.gpu.until(staging.mapAsync(MAP_READ))
    const all = total > 0 ? staging.getMappedRange().slice(0) : new ArrayBuffer(0)
    staging.destroy()
    at = 0
    for (const { name, array, type, bytes } of leaving) {
      values.set(name, tensorOf(type, array.dims, all.slice(at, at + bytes)))
      at += bytes
    }
    for (const { name, array, type } of results)
      if (isOnHost(array.element))
        values.set(name, tensorOf(type, array.dims, stored(numbersOf(array), array.type).slice().buffer as ArrayBuffer))
  }

  async #incoming(name: string, value: RunValue | undefined): Promise<Incoming> {
    if (value === undefined) throw new RangeError(`input '${name}' is missing`)
    const { dims } = value
    const type = typeOnDevice(value.type)
    return this.#asNumbers.has(name)
      ? { kind: 'numbers', type, dims, values: numbersOfTensor(await asTensor(value)) }
      : { kind: 'device', type, dims }
  }

  #write(encoder: GPUCommandEncoder, { buffer }: DeviceStore, value: RunValue): void {
    if (isDeviceTensor(value)) {
      const bytes = 4 * sizeOf(value.dims)
      if (bytes > 0) encoder.copyBufferToBuffer(value.buffer, 0, buffer, 0, bytes)
      this.costs.copied += bytes
      return
    }
    const words = wordsOfTensor(value)
    this.#options.memory.gpu.device.queue.writeBuffer(buffer, 0, words.buffer as ArrayBuffer, words.byteOffset, words.byteLength)
    this.costs.uploaded += words.byteLength
  }
}

/** What values are called that only stages read. */
const ONNX_TYPES = { f32: 'float32', i32: 'int64', bool: 'bool' } as const

const asTensor = async (value: RunValue): Promise<Ort.Tensor> => (isDeviceTensor(value) ? value.read() : value)

function bufferOf({ element }: LazyArray): GPUBuffer {
  if (element.kind !== 'read' || element.store.kind !== 'device') throw new Error('a result is not on the device')
  return element.store.buffer
}
