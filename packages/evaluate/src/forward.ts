import { availableParallelism } from 'node:os'
import { PareError } from '@pare/onnx'
import { openData } from './data.js'
import type { DataSet } from './dataset.js'
import type { ModelValue } from './model-value.js'
import type { NdArray } from './ndarray.js'
import type { Progress } from './request.js'
import { openSession, type Runtime } from './runtime.js'
import type { TextOptions } from './text.js'

/** A model that runs over data, and what comes out. */
export interface ForwardRequest {
  /** Path of the model. */
  readonly model: string
  /** Path of the data; labels are not needed. */
  readonly data: string
  /** Reads the data as text. */
  readonly text?: TextOptions
  /** Outputs of which only the sum over the batches of a chunk is sent. */
  readonly sums: readonly string[]
  /** Samples of a chunk: no batch lies in two. */
  readonly chunk: number
  /** Samples from `from` up to `to`. Default: all. `from` is a multiple of `chunk`. */
  readonly from?: number
  readonly to?: number
  /** Samples that run at once, a power of two. Default: the model's own where it is fixed, else up to 32, fewer where samples are large. */
  readonly batch?: number
  /** Default: all cores. */
  readonly threads?: number
  readonly trusted?: boolean
}

/** Outputs of one batch, by name; those that are summed come with the last batch of a chunk. */
export interface ForwardPart {
  /** Number of the chunk. */
  readonly chunk: number
  readonly outputs: Readonly<Record<string, NdArray['data'] | Float64Array>>
}

export interface Forwarded {
  readonly samples: number
  /** Samples at the end that do not fill the model's fixed batch: they were left out. */
  readonly leftOut: number
  readonly batch: number
}

/** Runs the model over the data in this process. `forwardModel` does so in a child. */
export async function forward(
  runtime: Runtime,
  request: ForwardRequest,
  { onPart, onProgress }: { onPart: (part: ForwardPart) => Promise<void>; onProgress: (progress: Progress) => void },
): Promise<Forwarded> {
  const { chunk, threads = availableParallelism(), trusted = false, from = 0 } = request
  await using session = await openSession(runtime, request.model, { threads, trusted })
  const data = await openData(request.data, { inputs: session.inputs, trusted, ...(request.text && { text: request.text }) })
  const batch = batchOf(data, session.inputs, request)
  const to = Math.min(request.to ?? Number.POSITIVE_INFINITY, data.samples ?? Number.POSITIVE_INFINITY)
  const total = Number.isFinite(to) ? { total: to - from } : {}
  let samples = 0
  let leftOut = 0
  let sums = new Map<string, Float64Array>()
  for await (const part of data.batches(batch.size)) {
    if (part.first < from) continue
    if (part.first >= to) break
    if (batch.fixed && part.size < batch.size) {
      leftOut += part.size
      continue
    }
    const outputs = await session.runBatch(part)
    const whole = Math.floor(part.first / chunk)
    const own = Object.entries(outputs).filter(([name]) => !request.sums.includes(name))
    for (const name of request.sums) sums.set(name, added(sums.get(name), outputs[name]!.data))
    samples += part.size
    const next = part.first + part.size
    const isLast = Math.floor(next / chunk) > whole || next >= to
    await onPart({
      chunk: whole,
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
  return { samples, leftOut, batch: batch.size }
}

function added(sum: Float64Array | undefined, values: NdArray['data']): Float64Array {
  const target = sum ?? new Float64Array(values.length)
  for (let i = 0; i < target.length; i++) target[i]! += Number(values[i])
  return target
}

const DEFAULT_BATCH = 32
/** What a default batch holds at most: tokens of text, elements of anything else. */
const BATCH_TOKENS = 4096
const BATCH_ELEMENTS = 2 ** 20

function batchOf(
  data: DataSet,
  inputs: readonly ModelValue[],
  { batch, chunk }: ForwardRequest,
): { size: number; fixed: boolean } {
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
  const wanted = batch ?? Math.max(1, Math.min(DEFAULT_BATCH, most))
  return { size: 2 ** Math.floor(Math.log2(Math.min(wanted, chunk))), fixed: false }
}
