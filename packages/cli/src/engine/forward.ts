import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CHUNK_SAMPLES, type CrossingType, type Forward, type Relay } from '@pare/core'
import type { ForwardResult, ModelValue } from '@pare/evaluate'
import { type Model, makeTemporaryFolder, present, type ValueInfo, writeModel } from '@pare/onnx'
import { type Calibration, calibrationFiles } from '../settings/data/calibration.js'
import { childOf, type Engine, loaderFor } from './work.js'

/** What ran, as far as it is known. */
export type RunCounts = Pick<ForwardResult, 'samples' | 'leftOut'>

/** Runs models over calibration data in a child process, as core asks for it. Masks are those of the data, else ones. `onEnd` is told what ran. */
export function forwardOver(calibration: Calibration, engine: Engine = {}, onEnd?: (outcome: ForwardResult) => void): Forward {
  const { shard, samples, ...reading } = calibration
  const forward: Forward = async function* (model, { sums, from = 0, batch: most = reading.batch, signal, onProgress }) {
    const { forwardModel } = await import('@pare/evaluate')
    await using written = await writeInFolder(model, 'calibrate', signal)
    const request = {
      ...{ ...reading, model: written.path, sums: [...sums], chunk: CHUNK_SAMPLES },
      ...(from > 0 && { from: from * CHUNK_SAMPLES }),
      ...present({ shard, to: samples, batch: most }),
    }
    yield* forwardModel(request, {
      ...present({ signal, onProgress, onEnd }),
      ...{ timeoutMs: ENDLESS, ...childOf(engine), ...loaderFor(calibrationFiles(calibration)) },
    }) as AsyncGenerator<never>
  }
  return Object.assign(forward, { fillsMask: true, open: openIn(calibration, engine, onEnd) })
}

/** As long as it takes: progress shows, and it can be stopped. */
const ENDLESS = Number.MAX_SAFE_INTEGER

function openIn(
  { samples, shard: _, original, ...reading }: Calibration,
  engine: Engine,
  onEnd?: (outcome: ForwardResult) => void,
): NonNullable<Forward['open']> {
  return async (model, { signal }) => {
    const { openRelay, mostSamples } = await import('@pare/evaluate')
    const inputs = inputsOf(model)
    const name = original === undefined ? 'the model' : basename(original)
    const request = { ...reading, name, inputs, chunk: CHUNK_SAMPLES, ...present({ original, to: samples }) }
    const process = await openRelay(request, {
      mostSamples: (shapes) => mostSamples(model, (count) => shapes[count - 1]!),
      ...present({ signal }),
      ...{ timeoutMs: ENDLESS, ...childOf(engine), ...loaderFor(calibrationFiles(reading)) },
    })
    onEnd?.(process.forwarded)
    const crossings = new Map<string, CrossingType>()
    return {
      crossings,
      async *run(segment, { sums, store, forget, signal, onProgress }) {
        await using written = await writeInFolder(segment, 'segment', signal)
        const segments = { segment: written.path, sums: [...sums], store: [...store], forget }
        yield* process.run(segments, onProgress) as AsyncGenerator<never>
        for (const name of forget) crossings.delete(name)
        for (const { name, type, rank } of process.stored) crossings.set(name, { type: type as CrossingType['type'], rank })
      },
      [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
    } satisfies Relay
  }
}

/** A model in a temporary folder, which goes when it is disposed of. */
async function writeInFolder(model: Model, name: string, signal?: AbortSignal): Promise<AsyncDisposable & { path: string }> {
  const folder = makeTemporaryFolder(name)
  const remove = () => rm(folder, { recursive: true, force: true })
  const path = join(folder, 'model.onnx')
  try {
    await writeModel(model, path, present({ signal }))
  } catch (error) {
    await remove()
    throw error
  }
  return { path, [Symbol.asyncDispose]: remove }
}

/** Inputs as ONNX Runtime lists them: without those that the model has a value for, and those that are no tensor. */
export function inputsOf({ graph }: Model): ModelValue[] {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  return graph.inputs
    .filter(({ name }) => !stored.has(name))
    .flatMap(({ name, type, shape = [] }: ValueInfo) =>
      type === undefined ? [] : [{ name, type, shape: shape.map((size) => size ?? '') }],
    )
}

/** The same, told of elsewhere. */
export function withProgress(forward: Forward, onProgress: NonNullable<Parameters<Forward>[1]['onProgress']>): Forward {
  const { fillsMask = false, open } = forward
  const withProgress: Forward = (model, options) => forward(model, { ...options, onProgress })
  const openWithProgress: Forward['open'] =
    open &&
    (async (model, options) => {
      const relay = await open(model, options)
      return {
        crossings: relay.crossings,
        run: (segment, run) => relay.run(segment, { ...run, onProgress }),
        [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
      }
    })
  return Object.assign(withProgress, { fillsMask, ...present({ open: openWithProgress }) })
}
