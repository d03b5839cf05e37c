import { keyOf, type Model, PareError } from '@pare/onnx'
import type { DenseStep } from '@pare/sparse/graph'
import type * as Ort from 'onnxruntime-common'
import { DeviceMemory } from '../arrays/recording.js'
import type { Gpu } from '../gpu.js'
import { type DeviceProduct, openProduct } from '../products/product.js'
import { deviceMatrix, formatName } from './formats.js'
import { constantsIn, type DevicePart, type FoundParts, type ModelParts, partsOf } from './parts.js'
import type { DeviceCosts, DeviceWeight } from './plan.js'
import { PartFailure } from './record.js'
import { StageRunner } from './stage-runner.js'
import { openSegments, type SegmentRuntime, type StageStep, stageSteps } from './stages.js'
import type { DeviceFeeds, DeviceResults } from './tensors.js'

export interface DeviceModelOptions {
  readonly gpu: Gpu
  readonly model: Model
  /** The model with its halves as f32. */
  readonly inFloats: Model
  readonly parts: FoundParts
  readonly leastSparsity: number
  /** Of a group that multiplies few rows. */
  readonly threads: number
  /** Outputs that stay on the device. */
  readonly keep: ReadonlySet<string>
  /** Undefined where there is no ONNX Runtime. */
  readonly runtime?: SegmentRuntime
}

/** A model whose nodes run on a device, as far as there are kernels for them, and else in sessions of ONNX Runtime between. */
export class DeviceModel implements AsyncDisposable {
  readonly #options: DeviceModelOptions
  readonly #memory: DeviceMemory
  readonly #products = new Map<string, { readonly product: DeviceProduct; readonly weight: DeviceWeight }>()
  readonly #refused = new Map<string, string>()
  readonly #runner: StageRunner
  readonly #types: Map<string, string>
  #parts: ModelParts
  #steps: readonly StageStep[] = []
  #segments: ReadonlyMap<DenseStep, Ort.InferenceSession> = new Map()

  private constructor(options: DeviceModelOptions, parts: ModelParts) {
    const { gpu, model, keep } = options
    this.#options = options
    this.#parts = parts
    this.#memory = new DeviceMemory(gpu)
    this.#types = new Map(model.graph.outputs.map(({ name, type }) => [name, type ?? 'float32']))
    this.#runner = new StageRunner({ memory: this.#memory, types: this.#types, keep, productOf: (part) => this.#productOf(part) })
  }

  /** Throws PareError where nodes have no kernel and there is no ONNX Runtime. */
  static async open(options: DeviceModelOptions): Promise<DeviceModel> {
    const model = new DeviceModel(options, await partsOf(options.inFloats, options.parts, new Map()))
    await model.#arrange()
    return model
  }

  get parts(): ModelParts {
    return this.#parts
  }
  get steps(): readonly StageStep[] {
    return this.#steps
  }
  /** Those that were multiplied so far. */
  get weights(): readonly DeviceWeight[] {
    return [...this.#products.values()].map(({ weight }) => weight)
  }
  /** Of the last run. */
  get costs(): DeviceCosts {
    const { constants, values } = this.#memory.bytes
    const products = [...this.#products.values()].reduce((sum, { product }) => sum + product.bytes, 0)
    return { ...this.#runner.costs, weights: products + constants, values }
  }

  /** Where a node turns out to have no kernel for what it is given, it moves to ONNX Runtime, and the run begins again. */
  async run(feeds: DeviceFeeds): Promise<DeviceResults> {
    for (;;) {
      try {
        return await this.#runner.run({ steps: this.#steps, segments: this.#segments, parts: this.#parts }, feeds)
      } catch (error) {
        if (!(error instanceof PartFailure)) throw error
        await this.#moveAway(error)
      }
    }
  }

  async #moveAway({ node, message, wanted }: PartFailure): Promise<void> {
    this.#runner.forget()
    if (this.#runner.takeAsNumbers(wanted)) return
    this.#refused.set(keyOf(node), message)
    this.#parts = await partsOf(this.#options.inFloats, this.#options.parts, this.#refused)
    await this.#arrange()
  }

  async #arrange(): Promise<void> {
    const { model, runtime } = this.#options
    const { elsewhere } = this.#parts
    for (const { element } of constantsIn(this.#parts))
      if (element.kind === 'read' && element.store.kind === 'host') this.#memory.keep(element.store)
    this.#steps = stageSteps(this.#parts)
    for (const session of this.#segments.values()) await session.release()
    this.#segments = new Map()
    const hasSegments = this.#steps.some(({ kind }) => kind === 'dense')
    if (hasSegments && runtime === undefined) {
      const [first] = elsewhere
      const more = elsewhere.length > 1 ? ` and ${elsewhere.length - 1} more` : ''
      throw new PareError(
        `gpu: ${first?.op} '${first?.id}'${more} cannot run on the device, and there is no ONNX Runtime: ${first?.reason}.`,
        {
          hint: 'give the session ONNX Runtime with ort, or run the model there.',
        },
      )
    }
    if (runtime === undefined) return
    const { sessions, types } = await openSegments(model, this.#steps, runtime)
    this.#segments = sessions
    for (const [name, type] of types) this.#types.set(name, type)
  }

  /** Each weight is loaded once for each bias and function that follow it. */
  #productOf({ site }: Extract<DevicePart, { kind: 'product' }>): DeviceProduct {
    const earlier = this.#products.get(site.id)
    if (earlier !== undefined) return earlier.product
    const { gpu, leastSparsity, threads } = this.#options
    const matrix = deviceMatrix(site, leastSparsity)
    const { bias, activation } = site
    const product = openProduct(gpu, matrix, { threads, ...(bias && { bias }), ...(activation && { activation }) })
    const { out, in: inputs, bytes } = product
    const weight = {
      id: site.id,
      weight: site.weight,
      out,
      in: inputs,
      sparsity: site.sparsity,
      format: formatName(matrix),
      bytes,
      denseBytes: 4 * out * inputs,
    }
    this.#products.set(site.id, { product, weight })
    return product
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#runner.forget()
    for (const session of this.#segments.values()) await session.release()
    for (const { product } of this.#products.values()) product[Symbol.dispose]()
    this.#memory[Symbol.dispose]()
  }
}
