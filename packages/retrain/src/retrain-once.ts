import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Loss } from '@pare/autograd'
import { type BatchAxis, type ChildOptions, runChild, type TextOptions } from '@pare/evaluate'
import { elementCount, type Model, makeTemporaryFolder, present, writeModel } from '@pare/onnx'
import type { STATISTICS } from './choices.js'
import type { HeldOut } from './data/held-out.js'
import type { TrainableOptions } from './graph/trainable.js'
import type { LoraFacts, LoraOptions } from './lora.js'
import type { BlockLoss, DistillWeights } from './losses.js'
import type { MovementOptions } from './optimizer/movement.js'
import type { RetrainRequest } from './prepare.js'
import type { RecipeOptions } from './recipe.js'
import type { RunReply } from './run.js'
import type { CurvePoint, Recipe, StepProgress, TrainEnd } from './train.js'

export interface RetrainOptions extends RecipeOptions, TrainableOptions {
  /** Path of the training data, see `openData` of @pare/evaluate. Never evaluation data. */
  readonly data: string
  /** Reads the data as text. */
  readonly text?: TextOptions
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target' */
  readonly label?: string
  /** Name of the output that is judged. Default: 'logits', else the first */
  readonly output?: string
  /** The axis of samples of inputs and outputs. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
  /** Whether a data module may be run. Default: false */
  readonly trusted?: boolean
  /** What is minimised. Default: what model and data suggest, see `chooseLoss`; the result says what it was, and why */
  readonly loss?: Loss
  /** Learns from another model, as a rule the one before it was pruned. Default: from the labels alone */
  readonly distill?: DistillWeights & { readonly teacher: Model }
  /**
   * What stays, by name of the tensor: bit i & 7 of byte i >> 3 is 1 where element i does. Tensors without one are trained whole.
   * Default: in tensors with two axes or more, what is not zero
   */
  readonly masks?: ReadonlyMap<string, Uint8Array>
  /** Trains two thin matrices beside each weight that is multiplied, and adds their product to it at the end. Default: the weights themselves are trained */
  readonly lora?: LoraOptions
  /** Movement pruning while it trains. Default: masks stay as they are */
  readonly movement?: MovementOptions
  /** 'follow': BatchNormalization is trained with the statistics of each batch, and its stored ones follow. 'keep': it uses those it has. Default: 'follow' */
  readonly statistics?: (typeof STATISTICS)[number]
  /** Share of the weights that was removed before, for the default learning rate: zeros are seen, cuts are not. Default: 0 */
  readonly removed?: number
  /** Whole number from 0 on: which samples are held out, and the order of the others. Default: 1 */
  readonly seed?: number
  /** Samples that are not trained on, by which the best weights are chosen; below 1 a share. Default: 0.05, at most 512 samples or 64 windows of text */
  readonly holdOut?: number
  /** Default: all cores */
  readonly threads?: number
  /** What activations of a batch may take that are kept for the backward pass: what is more is computed again. Default: no limit */
  readonly activationBytes?: number
  /** File in which the training stands after each look at held-out samples; where it is there, the training goes on from it. Default: none */
  readonly state?: string
}

export type RetrainChildOptions = Omit<ChildOptions<StepProgress>, 'onPart' | 'onAsk' | 'stop'>

/** A model's tensors after training, and how it went. */
export interface RetrainResult {
  readonly tensors: readonly TrainedTensor[]
  /** Movement scores, where they were wanted. */
  readonly scores: ReadonlyMap<string, Float32Array>
  /** What was minimised, and why. */
  readonly loss: { readonly kind: Loss; readonly why: string; readonly output: string }
  /** All that was decided: steps, batch, learning rate … */
  readonly recipe: Recipe
  /** 'early': no better for `patience` looks. 'stopped': aborted. 'diverged': `reason` says how. In each case `tensors` are the best. */
  readonly ended: TrainEnd
  readonly reason?: string
  /** Steps done. */
  readonly steps: number
  /** Where the weights come from: of all looks the one with the lowest loss on held-out samples. Step 0: training did not help. */
  readonly best: { readonly step: number; readonly heldOut?: HeldOut }
  readonly start?: HeldOut
  /** About 60 points, the first at step 0. */
  readonly curve: readonly CurvePoint[]
  /** Median, milliseconds. */
  readonly msPerStep: number
  /** What could not be trained, with the reason. */
  readonly frozen: ReadonlyMap<string, string>
  readonly samples: { readonly trained: number; readonly heldOut: number }
  /** Of trained tensors with two axes or more. */
  readonly zeros: { readonly before: number; readonly after: number; readonly elements: number }
  /** Step from which it went on, where a state was found. */
  readonly resumedAt?: number
  /** What was trained instead of the weights, where that was wanted: `tensors` are the weights all the same. */
  readonly lora?: LoraFacts
  readonly peakMemoryBytes: number
}

export interface TrainedTensor {
  readonly id: string
  readonly shape: readonly number[]
  readonly values: Float32Array
  /** Set where it is one reader's copy of a vector that several nodes read: that vector. */
  readonly of?: string
  /** And the reader: first output of the node, and which input. */
  readonly readers?: readonly (readonly [node: string, input: number])[]
}

const HOLD_OUT = 0.05
/** What a step may take after it was asked to be the last. */
const GRACE_MS = 8_000

/** Trains in a child process, all that is trained at once. */
export async function retrainOnce(
  model: Model,
  options: RetrainOptions & { readonly block?: BlockLoss },
  child: RetrainChildOptions,
): Promise<RetrainResult> {
  child.signal?.throwIfAborted()
  const folder = makeTemporaryFolder('retrain')
  try {
    const request = await requestOf(model, options, folder)
    const { result, peakMemoryBytes } = await runToItsEnd(request, child)
    return await resultOf(result as RunReply, folder, peakMemoryBytes)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function requestOf(
  model: Model,
  options: RetrainOptions & { readonly block?: BlockLoss },
  folder: string,
): Promise<RetrainRequest> {
  const { distill, seed = 1, holdOut = HOLD_OUT, ...rest } = options
  const path = join(folder, 'model.onnx')
  await writeModel(model, path)
  if (distill === undefined) return { ...rest, seed, holdOut, model: path, folder }
  const { teacher, ...weights } = distill
  const reference = join(folder, 'reference.onnx')
  await writeModel(teacher, reference)
  return { ...rest, seed, holdOut, model: path, folder, distill: { ...weights, teacher: reference } }
}

/** The signal asks the child to stop, and ends it where it does not. */
async function runToItsEnd(request: RetrainRequest, options: RetrainChildOptions) {
  const { signal, child = new URL('../dist/child.js', import.meta.url) } = options
  const kill = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const abort = () => {
    timer = setTimeout(() => kill.abort(signal!.reason), GRACE_MS)
  }
  signal?.addEventListener('abort', abort)
  try {
    return await runChild<StepProgress>({ kind: 'other', request }, 'retrain', {
      // As long as it takes: progress shows, and it can be stopped.
      timeoutMs: Number.MAX_SAFE_INTEGER,
      ...options,
      child,
      signal: kill.signal,
      ...present({ stop: signal }),
    })
  } finally {
    signal?.removeEventListener('abort', abort)
    clearTimeout(timer)
  }
}

async function resultOf(reply: RunReply, folder: string, peakMemoryBytes: number): Promise<RetrainResult> {
  const { tensors, scores = [], frozen, step, ...rest } = reply
  const trained = await numbersIn(join(folder, 'trained'), tensors)
  const scored = scores.length === 0 ? [] : await numbersIn(join(folder, 'scores'), scores)
  const start = rest.curve[0]?.heldOut
  return {
    ...rest,
    ...present({ start }),
    steps: step,
    tensors: tensors.map(({ id, shape, added }, i) => ({
      id,
      shape,
      values: trained[i]!,
      ...(added && { of: added.of, readers: [added.reader] }),
    })),
    scores: new Map(scores.map(({ id }, i) => [id, scored[i]!])),
    frozen: new Map(frozen),
    peakMemoryBytes,
  }
}

async function numbersIn(path: string, tensors: readonly { readonly shape: readonly number[] }[]): Promise<Float32Array[]> {
  const { buffer, byteOffset } = await readFile(path)
  let at = byteOffset
  return tensors.map(({ shape }) => {
    const length = elementCount(shape)
    const bytes = buffer.slice(at, at + 4 * length)
    at += 4 * length
    return new Float32Array(bytes)
  })
}
