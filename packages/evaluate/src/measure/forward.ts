import { availableParallelism } from 'node:os'
import { PareError, present } from '@pare/onnx'
import { openData } from '../data/data.js'
import { type DataSet, firstOf } from '../data/dataset.js'
import type { ImageOptions } from '../data/images/image-options.js'
import type { ModelValue } from '../data/model-value.js'
import type { NdArray } from '../data/ndarray.js'
import type { MixedFile } from '../data/rows/mixed.js'
import type { TextOptions } from '../data/text/text-options.js'
import type { BatchAxis } from '../process/batch-axis.js'
import type { Provider } from '../process/provider.js'
import type { EvaluationProgress } from '../process/request.js'
import { openSession, type Runtime } from '../process/runtime.js'
import { mostSamplesOf } from './batch-size.js'

/** A model that runs over data, and what comes out. */
export interface ForwardRequest {
  /** Path of the model. */
  readonly model: string
  /** Path of the data; labels are not needed. */
  readonly data: string
  /** Files of which samples are mixed: the data are then the first of them. Default: the data alone */
  readonly mixture?: readonly MixedFile[]
  /** Reads the data as text. */
  readonly text?: TextOptions
  /** How images become numbers. Default: as a preprocessor_config.json beside model or data says */
  readonly image?: ImageOptions
  /** Model that this one was made of, beside which config.json and preprocessor_config.json may lie. Default: the model */
  readonly original?: string
  /** The folder in which all files must lie that data name which are not trusted. Default: that of the data */
  readonly workspace?: string
  /** Outputs of which only the sum over the batches of a chunk is sent. */
  readonly sums: readonly string[]
  /** Samples of a chunk: no batch lies in two. */
  readonly chunk: number
  /** Samples from `from` up to `to`. Default: all. `from` is a multiple of `chunk`. */
  readonly from?: number
  readonly to?: number
  /** Only one of so many shards, from 1 on, that all end where a chunk ends. For data whose number of samples is known. */
  readonly shard?: Shard
  /** Samples that run at once, a power of two. Default: the model's own where it is fixed, else up to 32, fewer where samples are large. */
  readonly batch?: number
  /** Default: all cores. */
  readonly threads?: number
  readonly trusted?: boolean
  /** The axis of samples of inputs, by name or of all that have it. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
}

export interface Shard {
  readonly index: number
  readonly count: number
}

/** Outputs of one batch, by name; those that are summed come with the last batch of a chunk. */
export interface ForwardPart {
  /** Number of the chunk. */
  readonly chunk: number
  readonly outputs: Readonly<Record<string, NdArray['data'] | Float64Array>>
}

export interface ForwardResult {
  /** That have run. */
  readonly samples: number
  /** Of all shards together, those before `from` too. */
  readonly all: number
  /** Samples at the end that do not fill the model's fixed batch: they were left out. */
  readonly leftOut: number
  readonly batch: number
  readonly executionProvider: Provider
}

/** Runs the model over the data in this process. `forwardModel` does so in a child. */
export async function forward(
  runtime: Runtime,
  request: ForwardRequest,
  { onPart, onProgress }: { onPart: (part: ForwardPart) => Promise<void>; onProgress: (progress: EvaluationProgress) => void },
): Promise<ForwardResult> {
  const { chunk, threads = availableParallelism(), trusted = false } = request
  await using session = await openSession(runtime, request.model, {
    threads,
    trusted,
    samplesFirst: 'inputs',
    batchAxis: request.batchAxis,
  })
  const data = await openData(request.data, {
    ...{ inputs: session.inputs, trusted, models: [request.original ?? request.model] },
    ...present({ text: request.text, image: request.image, workspace: request.workspace, mixture: request.mixture }),
  })
  const batch = await batchOf(data, session.inputs, {
    ...request,
    mostSamples: () => mostSamplesOf([{ path: request.model, inputs: session.inputs }], data),
  })
  const end = Math.min(request.to ?? Number.POSITIVE_INFINITY, data.samples ?? Number.POSITIVE_INFINITY)
  const usable = batch.fixed && Number.isFinite(end) ? end - (end % batch.size) : end
  const { from, to } = stretchOf(request, usable)
  const total = Number.isFinite(to) ? { total: to - from } : {}
  let samples = 0
  let leftOut = 0
  let sums = new Map<string, Float64Array>()
  for await (const whole of data.batches(batch.size)) {
    if (whole.first < from) continue
    if (whole.first >= to) break
    const part = firstOf(whole, Math.min(whole.size, to - whole.first))
    if (batch.fixed && part.size < batch.size) {
      leftOut += part.size
      continue
    }
    const outputs = await session.runBatch(part)
    const at = Math.floor(part.first / chunk)
    const own = Object.entries(outputs).filter(([name]) => !request.sums.includes(name))
    for (const name of request.sums) sums.set(name, added(sums.get(name), outputs[name]!.data))
    samples += part.size
    const next = part.first + part.size
    const isLast = Math.floor(next / chunk) > at || next >= to
    await onPart({
      chunk: at,
      outputs: {
        ...Object.fromEntries(own.map(([name, { data: values }]) => [name, values])),
        ...(isLast && Object.fromEntries(sums)),
      },
    })
    if (isLast) sums = new Map()
    onProgress({ done: samples, ...total })
  }
  // The data ended in the middle of a chunk, and it was not known before where.
  if (sums.size > 0) await onPart({ chunk: Math.floor((from + samples - 1) / chunk), outputs: Object.fromEntries(sums) })
  // A module may hold fewer samples than were asked for.
  const all = data.samples === undefined && from + samples < to ? from + samples : usable
  const left = data.samples === undefined ? leftOut : end - usable
  return { samples, all, leftOut: left, batch: batch.size, executionProvider: runtime.provider }
}

/** Samples of a shard, behind those that an earlier run did. */
function stretchOf({ from = 0, shard, chunk, data }: ForwardRequest, samples: number): { from: number; to: number } {
  if (shard === undefined) return { from, to: samples }
  if (!Number.isFinite(samples)) {
    throw new PareError(`${data}: how many samples there are is not known before they are read, so shards cannot be made.`, {
      hint: 'say how many: --samples 1024, or write the data as .npz.',
    })
  }
  const chunks = Math.ceil(samples / chunk)
  if (shard.count > chunks) {
    throw new PareError(
      `${data}: ${samples} samples are ${chunks} ${chunks === 1 ? 'chunk' : 'chunks'} of ${chunk}, too few for ${shard.count} shards.`,
      { hint: chunks <= 1 ? 'measure them in one run, without --shard.' : `make ${chunks} shards, or fewer.` },
    )
  }
  const border = (index: number) => Math.min(samples, Math.floor((index * chunks) / shard.count) * chunk)
  return { from: Math.max(from, border(shard.index - 1)), to: border(shard.index) }
}

/** A sum with the elements of one more batch. */
export function added(sum: Float64Array | undefined, values: NdArray['data']): Float64Array {
  const target = sum ?? new Float64Array(values.length)
  for (let i = 0; i < target.length; i++) target[i]! += Number(values[i])
  return target
}

const DEFAULT_BATCH = 32
/** What a default batch holds at most: tokens of text, elements of anything else. */
const BATCH_TOKENS = 4096
const BATCH_ELEMENTS = 2 ** 20

interface Batching extends Pick<ForwardRequest, 'batch' | 'chunk'> {
  /** That the model can take at once. */
  mostSamples(): Promise<number>
}

/** How many samples run at once, and whether the model fixes that. */
export async function batchOf(
  data: DataSet,
  inputs: readonly ModelValue[],
  { batch, chunk, mostSamples }: Batching,
): Promise<{ size: number; fixed: boolean }> {
  const fixed = inputs
    .filter(({ shape }) => shape.length > 1)
    .map(({ shape }) => shape[0])
    .find((dim) => typeof dim === 'number' && dim > 0)
  if (typeof fixed === 'number') {
    if (chunk % fixed === 0) return { size: fixed, fixed: true }
    throw new PareError(
      `the model's batch is fixed to ${fixed}, which does not divide the ${chunk} samples that are measured together.`,
      {
        hint: 'export the model with a dynamic batch.',
      },
    )
  }
  const most = Math.floor((data.tokens === undefined ? BATCH_ELEMENTS : BATCH_TOKENS) / data.sampleSize)
  const size = batch ?? Math.max(1, Math.min(DEFAULT_BATCH, most, await mostSamples()))
  return { size: 2 ** Math.floor(Math.log2(Math.min(size, chunk))), fixed: false }
}
