import { type Model, openModel, PareError, readModel } from '@pare/onnx'
import { integersInFloats } from '@pare/sparse/graph'
import type * as Ort from 'onnxruntime-common'
import { openRuntime } from '#runtime'
import { type Gpu, GpuLost, openGpu } from '../gpu.js'
import { DeviceModel } from './device-model.js'
import type { GpuSessionOptions } from './options.js'
import { findParts, inDeviceFloats } from './parts.js'
import type { DeviceCosts, DevicePlan } from './plan.js'
import type { DenseSession } from './runtime-request.js'
import type { DeviceFeeds, DeviceResults } from './tensors.js'
import { isDeviceTensor } from './tensors.js'
import { type Tuning, tuningOf } from './tuning.js'

/** What a session consists of. */
interface Opened {
  readonly gpu: Gpu
  readonly tuning: Tuning
  readonly model: Model
  readonly device: DeviceModel
  readonly dense?: DenseSession
  readonly close: () => Promise<void>
}

type Choice = Pick<DevicePlan, 'kind' | 'reason' | 'denseMs' | 'deviceMs'>

/**
 * A model that runs on a WebGPU device: its weights stay there, sparse ones packed, and a stretch of nodes is one submission with one answer, whatever lies between.
 * Nodes without a kernel run in ONNX Runtime on the CPU. It has the shape of ONNX Runtime's `InferenceSession`. Results differ from its by rounding: values and sums
 * are f32 on the device, integers have 32 bits, and a zero weight that is not stored times an infinite or NaN input is 0.
 */
export class GpuSession implements AsyncDisposable {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly #opened: Opened
  readonly #keep: ReadonlySet<string>
  readonly #choices = new Map<string, Choice>()
  #choice: Choice

  private constructor(opened: Opened, { keep = [] }: GpuSessionOptions) {
    const { graph } = opened.model
    const constants = new Set(graph.initializers.map(({ name }) => name))
    this.#opened = opened
    this.#keep = new Set(keep)
    this.inputNames = graph.inputs.map(({ name }) => name).filter((name) => !constants.has(name))
    this.outputNames = graph.outputs.map(({ name }) => name)
    this.#choice = { kind: 'device', reason: opened.dense === undefined ? 'it was asked for.' : 'nothing was run yet.' }
    const unknown = keep.filter((name) => !this.outputNames.includes(name))
    if (unknown.length > 0)
      throw new PareError(`gpu: keep names '${unknown.join("', '")}', which the model does not give.`, {
        hint: `its outputs are ${this.outputNames.join(', ')}.`,
      })
  }

  /**
   * A model from its path, with external data beside it, or from its bytes. Throws PareError for what is no model, where there is no adapter, and where nodes have
   * no kernel and there is no ONNX Runtime.
   */
  static async create(model: string | Uint8Array, options: GpuSessionOptions = {}): Promise<GpuSession> {
    const closers: (() => Promise<unknown>)[] = []
    const close = async () => {
      for (const each of closers.splice(0).reverse()) await each()
    }
    try {
      return new GpuSession({ ...(await open(model, options, closers)), close }, options)
    } catch (error) {
      await close()
      throw error
    }
  }

  /** Inputs, in the form that ONNX Runtime states them in. */
  get inputMetadata(): readonly { readonly name: string; readonly type: string; readonly shape: readonly (number | string)[] }[] {
    const inputs = this.#opened.model.graph.inputs.filter(({ name }) => this.inputNames.includes(name))
    return inputs.map(({ name, type = 'undefined', shape = [] }) => ({ name, type, shape: shape.map((size) => size ?? '') }))
  }

  /** What is done with inputs like those of the last run, and why. */
  get plan(): DevicePlan {
    const { gpu, tuning, device } = this.#opened
    const { parts, steps, weights } = device
    return {
      ...this.#choice,
      adapter: gpu.adapter.name,
      software: gpu.adapter.software,
      deviceNodes: parts.parts.reduce((sum, { nodes }) => sum + nodes.length, 0),
      elsewhere: parts.elsewhere,
      stages: steps.filter(({ kind }) => kind === 'device').length,
      segments: steps.filter(({ kind }) => kind === 'dense').length,
      products: weights,
      floorMs: tuning.floorMs,
    }
  }

  /** Of the last run on the device. */
  get costs(): DeviceCosts {
    return this.#opened.device.costs
  }

  /** How kernels are cut on this adapter: give it to the next session, and nothing is measured. */
  get tuning(): Tuning {
    return this.#opened.tuning
  }

  /** All outputs, or those named. One run at a time: another waits. */
  async run(feeds: DeviceFeeds, fetches?: readonly string[]): Promise<DeviceResults> {
    const turn = this.#turn.then(() => this.#run(feeds, fetches))
    this.#turn = turn.catch(() => {})
    return turn
  }
  #turn: Promise<unknown> = Promise.resolve()

  async #run(feeds: DeviceFeeds, fetches: readonly string[] = this.outputNames): Promise<DeviceResults> {
    const missing = this.inputNames.filter((name) => feeds[name] === undefined)
    const unknown = [
      ...Object.keys(feeds).filter((name) => !this.inputNames.includes(name)),
      ...fetches.filter((name) => !this.outputNames.includes(name)),
    ]
    if (missing.length + unknown.length > 0)
      throw new PareError(
        missing.length > 0 ? `gpu: input '${missing[0]}' is missing.` : `gpu: the model has no '${unknown[0]}'.`,
        {
          hint: `its inputs are ${this.inputNames.join(', ')}, its outputs ${this.outputNames.join(', ')}.`,
        },
      )
    const results = await this.#resultsOf(feeds)
    for (const [name, value] of Object.entries(results)) if (!fetches.includes(name) && isDeviceTensor(value)) value.dispose()
    return Object.fromEntries(fetches.map((name) => [name, results[name]!]))
  }

  /** Where the device is lost, or has no memory left, ONNX Runtime goes on with values that this process has. */
  async #resultsOf(feeds: DeviceFeeds): Promise<DeviceResults> {
    const { device, dense } = this.#opened
    const onHost = (session: DenseSession) => session.session.run(feeds as Readonly<Record<string, Ort.Tensor>>)
    try {
      const choice = this.#lost ?? (await this.#choiceFor(feeds))
      return choice.kind === 'dense' ? await onHost(dense!) : await device.run(feeds)
    } catch (error) {
      if (!(error instanceof GpuLost) || dense === undefined || Object.values(feeds).some(isDeviceTensor)) throw error
      this.#lost = { kind: 'dense', reason: `the device is gone: ${error.message}.` }
      this.#choice = this.#lost
      return await onHost(dense)
    }
  }
  #lost: Choice | undefined

  async release(): Promise<void> {
    await this.#turn
    await this.#opened.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  /** Values that stay on the device can be read only there. */
  async #choiceFor(feeds: DeviceFeeds): Promise<Choice> {
    const { dense } = this.#opened
    if (dense === undefined || this.#keep.size > 0 || Object.values(feeds).some(isDeviceTensor)) return this.#choice
    const shapes = Object.keys(feeds)
      .sort()
      .map((name) => `${name} ${feeds[name]!.dims.map(roundedUp)}`)
      .join()
    const choice = this.#choices.get(shapes) ?? (await this.#measure(dense, feeds as Readonly<Record<string, Ort.Tensor>>))
    this.#choices.set(shapes, choice)
    this.#choice = choice
    return choice
  }

  async #measure({ session, inTurn, pays, effort }: DenseSession, feeds: Readonly<Record<string, Ort.Tensor>>): Promise<Choice> {
    const { device, tuning } = this.#opened
    const { floorMs } = tuning
    const alone = await inTurn(
      () => session.run(feeds),
      () => {},
      { ...effort, fewest: 3, most: 3 },
    )
    const [denseMs] = alone.fastest
    if (denseMs < floorMs)
      return {
        kind: 'dense',
        denseMs,
        reason: `a run takes ${text(denseMs)} ms on the CPU, and one submission to '${tuning.adapter}' with its answer ${text(floorMs)} ms.`,
      }
    const both = await inTurn(
      () => session.run(feeds),
      () => device.run(feeds),
      effort,
    )
    const times = { denseMs: both.first, deviceMs: both.second }
    const reason = `${both.ratio.toFixed(2)}× as fast as ONNX Runtime on the CPU, and faster in ${Math.round(100 * both.wins)} % of the runs.`
    return { kind: pays(both) ? 'device' : 'dense', reason, ...times }
  }
}

/** A sequence that grows is not measured for each length. */
const roundedUp = (size: number) => (size <= 1 ? size : 2 ** Math.ceil(Math.log2(size)))

const text = (milliseconds: number) => milliseconds.toPrecision(3)

async function open(
  source: string | Uint8Array,
  options: GpuSessionOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Omit<Opened, 'close'>> {
  const { keep = [], leastSparsity = 0.5 } = options
  const { model: whole, confirm } = await readWhole(source, options, closers)
  const model = await integersInFloats(whole, { leastSparsity, fewestElements: 1 })
  const gpu = options.gpu ?? (await openGpu(options.adapter))
  if (options.gpu === undefined) closers.push(async () => gpu[Symbol.asyncDispose]())
  const tuning = options.tuning?.adapter === gpu.adapter.name ? options.tuning : await tuningOf(gpu)
  const runtime = await openRuntime(source, { model, options, closers })
  await confirm()
  const inFloats = inDeviceFloats(model)
  const parts = await findParts(inFloats)
  const device = await DeviceModel.open({
    gpu,
    model,
    inFloats,
    parts,
    leastSparsity,
    threads: tuning.threads,
    keep: new Set(keep),
    ...(runtime && { runtime }),
  })
  closers.push(async () => device[Symbol.asyncDispose]())
  return { gpu, tuning, model, device, ...(runtime?.dense && { dense: runtime.dense }) }
}

/** `confirm`: throws where the files are not those any more that were checked, once ONNX Runtime has opened them too. */
async function readWhole(
  source: string | Uint8Array,
  { trusted = false }: GpuSessionOptions,
  closers: (() => Promise<unknown>)[],
): Promise<{ readonly model: Model; readonly confirm: () => Promise<void> }> {
  if (typeof source !== 'string') return { model: await readModel(source), confirm: async () => {} }
  const file = await openModel(source, { allowHardLinks: trusted })
  closers.push(() => file[Symbol.asyncDispose]())
  return { model: file.model, confirm: () => file.confirmFiles() }
}
