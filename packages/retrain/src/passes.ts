import type { BatchStatistics } from '@pare/autograd'
import { type Batch, createSession, inputsFor, type ModelValue, type NdArray, type Runtime, toModelValue } from '@pare/evaluate'
import { PareError } from '@pare/onnx'
import type * as Ort from 'onnxruntime-common'
import type { Arena } from './optimizer/arena.js'

/** Forward and backward runs of the two models, with weights and gradients where the arena has them. */
export interface Passes extends AsyncDisposable {
  /** The loss of a batch. Its gradients are in the arena, the statistics of the batch in `statistics`. Blocks this thread. */
  train(fed: FedBatch): Promise<number>
  /** Blocks this thread. */
  judge(fed: FedBatch, output: string | undefined): Promise<Judgement>
}

/** A batch, and what the losses compare with, by name. */
export interface FedBatch {
  readonly batch: Batch
  readonly targets: Readonly<Record<string, NdArray>>
}

export interface Judgement {
  readonly loss: number
  readonly parts: readonly number[]
  readonly output?: NdArray
}

/** What a BatchNormalization has stored, and what the last batch had. */
export interface RunningStatistics extends BatchStatistics {
  readonly stored: { readonly mean: Float32Array; readonly variance: Float32Array }
  readonly batch: { readonly mean: Float32Array; readonly variance: Float32Array }
}

export interface PassRequest {
  /** Paths of the models. */
  readonly training: string
  readonly judging: string
  readonly loss: string
  readonly parts: readonly string[]
  /** Output that holds the gradient, by name of the weight. */
  readonly gradients: ReadonlyMap<string, string>
  readonly arena: Arena
  readonly statistics: readonly RunningStatistics[]
  readonly threads: number
}

export async function openPasses(runtime: Runtime, request: PassRequest): Promise<Passes> {
  const { ort } = runtime
  const { arena, loss, statistics, threads } = request
  const options = { threads, spinning: true }
  const training = await createSession(runtime, request.training, options)
  const judging = await createSession(runtime, request.judging, options)
  const tensor = (data: Float32Array, shape: readonly number[]) => new ort.Tensor('float32', data, shape)
  const weights = Object.fromEntries(arena.tensors.map((each) => [each.name, tensor(arena.view(each, 'weights'), each.shape)]))
  const constants = statistics.flatMap(({ mean, variance, stored: { mean: m, variance: v } }) => [
    [mean, tensor(m, [m.length])] as const,
    [variance, tensor(v, [v.length])] as const,
  ])
  const constant = { ...weights, ...Object.fromEntries(constants) }
  // Where an output has a tensor, ONNX Runtime writes into its memory.
  const fetches = {
    [loss]: null,
    ...Object.fromEntries(
      arena.tensors.map((each) => [request.gradients.get(each.name)!, tensor(arena.view(each, 'gradients'), each.shape)]),
    ),
    ...Object.fromEntries(
      statistics.flatMap(({ batchMean, batchVariance, batch: { mean, variance } }) => [
        [batchMean, tensor(mean, [mean.length])],
        [batchVariance, tensor(variance, [variance.length])],
      ]),
    ),
  }
  const run = async (
    session: Ort.InferenceSession,
    fed: FedBatch,
    outputs: Ort.InferenceSession.OnnxValueMapType | readonly string[],
  ) => {
    const inputs = session.inputMetadata.flatMap(toModelValue).filter(({ name }) => !Object.hasOwn(constant, name))
    const feeds: Record<string, Ort.Tensor> = Object.fromEntries(
      session.inputNames.flatMap((name) => (constant[name] === undefined ? [] : [[name, constant[name]]])),
    )
    for (const [name, { type, data, shape }] of Object.entries(fedInputs(inputs, fed)))
      feeds[name] = new ort.Tensor(type, data as never, shape)
    return await session.run(feeds, outputs as never).catch((cause: Error) => {
      throw runFailure(fed.batch, cause)
    })
  }
  return {
    async train(fed) {
      const results = await run(training, fed, fetches as never)
      return numberOf(results[loss]!)
    },
    async judge(fed, output) {
      const names = [...new Set([loss, ...request.parts, ...(output === undefined ? [] : [output])])]
      const results = await run(judging, fed, names)
      return {
        loss: numberOf(results[loss]!),
        parts: request.parts.map((name) => numberOf(results[name]!)),
        ...(output !== undefined && { output: toArray(results[output]!) }),
      }
    },
    async [Symbol.asyncDispose]() {
      await training.release()
      await judging.release()
    },
  }
}

function fedInputs(inputs: readonly ModelValue[], { batch, targets }: FedBatch): Record<string, NdArray> {
  const own = inputs.filter(({ name }) => !Object.hasOwn(targets, name))
  const ofLoss = inputs.filter(({ name }) => Object.hasOwn(targets, name)).map(({ name }) => [name, targets[name]!] as const)
  return { ...inputsFor(own, batch), ...Object.fromEntries(ofLoss) }
}

function numberOf({ data }: Ort.Tensor): number {
  return Number((data as Float32Array)[0])
}

function toArray({ type, dims, data }: Ort.Tensor): NdArray {
  return { type: type as NdArray['type'], shape: dims, data: data as NdArray['data'] }
}

function runFailure({ size }: Batch, cause: Error): PareError {
  return new PareError(`retrain: ONNX Runtime fails on a batch of ${size}: ${cause.message}`, {
    hint: 'check that the data are what the model expects: ranges of ids, sizes. If memory ran out, make the batch smaller.',
    cause,
  })
}
