import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { makeTemporaryFolder, present } from '@pare/onnx'
import { openData } from '../../data/data.js'
import { allInputsFor, firstOf } from '../../data/dataset.js'
import type { ModelValue } from '../../data/model-value.js'
import { batchAxisOf, moveAxis, movedAxis, samplesFirst } from '../../process/batch-axis.js'
import type { EvaluationProgress } from '../../process/request.js'
import { runFailure } from '../../process/run-failure.js'
import { createSession, type Runtime, toArray, toTensor } from '../../process/runtime.js'
import { shapesOfSamples } from '../batch-size.js'
import { added, batchOf, type ForwardPart, type ForwardRequest, type ForwardResult } from '../forward.js'
import { RelayStore } from './relay-store.js'

/** Data that run through a model segment by segment. */
export interface RelayRequest extends Omit<ForwardRequest, 'model' | 'sums' | 'from' | 'shard' | 'original'> {
  /** What messages call the model. */
  readonly name: string
  /** Path of the model that it was made of, beside which config.json and preprocessor_config.json may lie. Default: none is looked for */
  readonly original?: string
  /** Inputs of the whole model. */
  readonly inputs: readonly ModelValue[]
  /** What values between segments take in memory; the rest lies in the temporary folder. Default: 512 MiB */
  readonly memoryBytes?: number
}

/** Shapes of the inputs for one sample and for two: what the whole model can take at once follows from them. */
export type ShapesOfFew = readonly [Readonly<Record<string, readonly number[]>>, Readonly<Record<string, readonly number[]>>]

/** One segment to be run. */
export interface SegmentRequest {
  /** Path of its model. */
  readonly segment: string
  /** Outputs of which only the sum over the batches of a chunk is sent. */
  readonly sums: readonly string[]
  /** Outputs that are stored and not sent. */
  readonly store: readonly string[]
  /** Values that are stored and that no segment from this one on reads. */
  readonly forget: readonly string[]
}

/** Where a relay stands when a segment has run, or before the first. */
export interface RelayState {
  readonly forwarded: ForwardResult
  /** What the last segment stored, inputs of the model not counted. */
  readonly stored: readonly { readonly name: string; readonly type: string; readonly rank: number }[]
}

export interface RelayTalk {
  /** How many samples the whole model can take at once. */
  mostSamples(shapes: ShapesOfFew): Promise<number>
  /** The next segment; undefined where there is none. */
  next(state: RelayState): Promise<SegmentRequest | undefined>
  onPart(part: ForwardPart): Promise<void>
  onProgress(progress: EvaluationProgress): void
}

const DEFAULT_MEMORY = 2 ** 29

/** Reads the samples once, and runs segments over them in this process until there are no more. `openRelay` does so in a child. */
export async function runRelay(runtime: Runtime, request: RelayRequest, talk: RelayTalk): Promise<void> {
  const folder = makeTemporaryFolder('values')
  const store = new RelayStore(folder, request.memoryBytes ?? DEFAULT_MEMORY)
  try {
    const { batches, forwarded } = await readSamples(request, { runtime, store, talk })
    let stored: RelayState['stored'] = []
    for (;;) {
      const segment = await talk.next({ forwarded, stored })
      if (segment === undefined) return
      for (const name of segment.forget) store.delete(name)
      stored = await runSegment(runtime, segment, { request, batches, store, talk })
    }
  } finally {
    store[Symbol.dispose]()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A batch whose values are stored under its number. */
interface StoredBatch {
  readonly size: number
  readonly chunk: number
}

interface Reading {
  readonly runtime: Runtime
  readonly store: RelayStore
  readonly talk: RelayTalk
}

async function readSamples(
  request: RelayRequest,
  { runtime, store, talk }: Reading,
): Promise<{ batches: readonly StoredBatch[]; forwarded: ForwardResult }> {
  const { chunk, trusted = false, to = Number.POSITIVE_INFINITY } = request
  const axisOf = new Map(request.inputs.map((input) => [input.name, batchAxisOf(input, request.batchAxis)]))
  const inputs = request.inputs.map((input) => samplesFirst(input, request.batchAxis))
  const data = await openData(request.data, {
    ...{ inputs, trusted, models: request.original === undefined ? [] : [request.original] },
    ...present({ text: request.text, image: request.image, workspace: request.workspace, mixture: request.mixture }),
  })
  const few = [1, 2].map((samples) =>
    Object.fromEntries(
      Object.entries(shapesOfSamples(inputs, data, samples)).map(([name, shape]) => [
        name,
        movedAxis(shape, 0, axisOf.get(name)!),
      ]),
    ),
  )
  const batch = await batchOf(data, inputs, { ...request, mostSamples: () => talk.mostSamples(few as never) })
  const batches: StoredBatch[] = []
  let [samples, leftOut] = [0, 0]
  for await (const whole of data.batches(batch.size)) {
    if (whole.first >= to) break
    const part = firstOf(whole, Math.min(whole.size, to - whole.first))
    if (batch.fixed && part.size < batch.size) {
      leftOut += part.size
      continue
    }
    for (const [name, array] of Object.entries(allInputsFor(inputs, part)))
      store.set(name, batches.length, moveAxis(array, 0, axisOf.get(name)!))
    batches.push({ size: part.size, chunk: Math.floor(part.first / chunk) })
    samples += part.size
  }
  const { provider: executionProvider } = runtime
  return { batches, forwarded: { samples, all: samples, leftOut, batch: batch.size, executionProvider } }
}

interface Running {
  readonly request: RelayRequest
  readonly batches: readonly StoredBatch[]
  readonly store: RelayStore
  readonly talk: RelayTalk
}

async function runSegment(
  runtime: Runtime,
  { segment, sums: summed, store: storing, forget: _ }: SegmentRequest,
  { request: { name, threads = availableParallelism() }, batches, store, talk }: Running,
): Promise<RelayState['stored']> {
  const session = await createSession(runtime, segment, { threads })
  const total = batches.reduce((sum, { size }) => sum + size, 0)
  const types = new Map<string, RelayState['stored'][number]>()
  let sums = new Map<string, Float64Array>()
  let done = 0
  try {
    for (const [i, { size, chunk }] of batches.entries()) {
      const feeds = session.inputNames.map((value) => [value, toTensor(runtime.ort, store.get(value, i))])
      const results = await session.run(Object.fromEntries(feeds)).catch((cause: Error) => {
        throw runFailure(name, { first: done, size }, cause)
      })
      const own: Record<string, ForwardPart['outputs'][string]> = {}
      for (const [value, tensor] of Object.entries(results)) {
        const array = toArray(tensor, name)
        if (storing.includes(value)) {
          types.set(value, { name: value, type: array.type, rank: array.shape.length })
          store.set(value, i, array)
        } else if (summed.includes(value)) sums.set(value, added(sums.get(value), array.data))
        else own[value] = array.data
      }
      done += size
      const isLast = batches[i + 1]?.chunk !== chunk
      await talk.onPart({ chunk, outputs: { ...own, ...(isLast && Object.fromEntries(sums)) } })
      if (isLast) sums = new Map()
      talk.onProgress({ done, total })
    }
  } finally {
    await session.release()
  }
  return [...types.values()]
}
