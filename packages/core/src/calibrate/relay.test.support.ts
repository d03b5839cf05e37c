import { createRequire } from 'node:module'
import { type DataType, type Model, modelBytes } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import type { CrossingType, Forward, ForwardOptions, ForwardOutput } from './forward.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** Values of one batch by name. */
export type Feeds = Readonly<Record<string, Tensor>>

export const floats = (values: ArrayLike<number>, shape: readonly number[]): Tensor =>
  new runtime.Tensor('float32', Float32Array.from(values), [...shape])

/** What was asked of a relay. */
export interface RelayLog {
  /** Operators of each model that ran, in order. */
  readonly ran: string[][]
  /** What was stored at once, at most. */
  most: number
  open: number
}

/** Runs batches in this process, all of one chunk: whole models, and segments of one. */
export function relayOver(batches: readonly Feeds[], log: RelayLog = { ran: [], most: 0, open: 0 }): Forward {
  const run = (model: Model, options: ForwardOptions, store: ReadonlySet<string>, feeds: readonly Record<string, Tensor>[]) => {
    log.ran.push(model.graph.nodes.map(({ op }) => op))
    return runOver(model, { ...options, store, feeds })
  }
  const forward: Forward = (model, options) =>
    run(
      model,
      options,
      new Set(),
      batches.map((batch) => ({ ...batch })),
    )
  const open: Forward['open'] = async () => {
    log.open++
    const feeds = batches.map((batch) => ({ ...batch }) as Record<string, Tensor>)
    const crossings = new Map<string, CrossingType>()
    return {
      crossings,
      async *run(segment, { store, forget, ...options }) {
        for (const name of forget) {
          crossings.delete(name)
          for (const batch of feeds) delete batch[name]
        }
        yield* run(segment, options, store, feeds)
        for (const name of store) {
          const { type, dims } = feeds[0]?.[name] ?? { type: 'float32', dims: [] }
          crossings.set(name, { type: type as DataType, rank: dims.length })
        }
        log.most = Math.max(log.most, crossings.size)
      },
      [Symbol.asyncDispose]: async () => {
        log.open--
      },
    }
  }
  return Object.assign(forward, { open })
}

/** The same without a relay: whole models only. */
export function wholeOver(batches: readonly Feeds[], log?: RelayLog): Forward {
  const forward = relayOver(batches, log)
  return (model, options) => forward(model, options)
}

interface Running extends ForwardOptions {
  readonly store: ReadonlySet<string>
  readonly feeds: readonly Record<string, Tensor>[]
}

async function* runOver(model: Model, { sums, store, feeds }: Running): AsyncGenerator<ForwardOutput> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const added: Record<string, Float64Array> = {}
  for (const [i, batch] of feeds.entries()) {
    const inputs = Object.fromEntries(session.inputNames.map((name) => [name, batch[name]!]))
    const own: Record<string, Float32Array> = {}
    for (const [name, tensor] of Object.entries(await session.run(inputs))) {
      const values = tensor.data as Float32Array
      if (store.has(name)) batch[name] = tensor
      else if (sums.has(name)) added[name] = Float64Array.from(values, (value, k) => Number(value) + (added[name]?.[k] ?? 0))
      else own[name] = values
    }
    yield { chunk: 0, outputs: { ...own, ...(i === feeds.length - 1 && added) } }
  }
  await session.release()
}
