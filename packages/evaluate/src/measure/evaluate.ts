import { basename } from 'node:path'
import type { YieldRequest } from '../data/module.js'
import { type ChildOptions, runChild } from '../process/process.js'
import type { EvaluateRequest, Evaluation, ModelDescription } from '../process/request.js'
import type { CompareRequest, Difference } from './compare.js'
import type { ConstantPlaces, ConstantsRequest } from './constants.js'
import type { ForwardPart, ForwardRequest, ForwardResult } from './forward.js'
import type { Latency, LatencyRequest } from './latency/latency.js'
import type { FirstLook, LookRequest } from './look.js'
import type { RenamedComparison, RenamedRequest } from './renamed.js'

/**
 * Runs a model, and its reference where one is named, over the evaluation data in a child process, and measures it.
 * Throws PareError for everything the user can act on, a native crash included; UntrustedError (exit code 4) for a data module without
 * trust; the signal's reason when aborted. A metric that meets NaN is listed under `unmeasured`.
 */
export async function evaluate(request: EvaluateRequest, options: ChildOptions = {}): Promise<Evaluation> {
  const job = { kind: 'evaluate', request } as const
  const { result, peakMemoryBytes } = await runChild(job, basename(request.model), options)
  return { ...(result as Omit<Evaluation, 'peakMemoryBytes'>), peakMemoryBytes }
}

/** A first look at a model and its data in a child process: what is wrong with the data is in what it gives. Throws like `evaluate` for the model itself. */
export async function lookAtData(
  request: LookRequest,
  options: ChildOptions = {},
): Promise<FirstLook & { readonly peakMemoryBytes: number }> {
  const { result, peakMemoryBytes } = await runChild({ kind: 'look', request }, basename(request.model), options)
  return { ...(result as FirstLook), peakMemoryBytes }
}

/** Inputs and outputs of a model as ONNX Runtime sees them, asked in a child process. Throws like `evaluate`. */
export async function describeModel(model: string, options: ChildOptions = {}): Promise<ModelDescription> {
  const { result } = await runChild({ kind: 'describe', model }, basename(model), options)
  return result as ModelDescription
}

/** How far two models are apart on random inputs, with two sizes of each axis that is not fixed, in a child process. Throws like `evaluate`. */
export async function compareModels(request: CompareRequest, options: ChildOptions = {}): Promise<Difference> {
  const { result } = await runChild({ kind: 'compare', request }, basename(request.other), options)
  return result as Difference
}

/** Whether a model with fewer tokens reads texts as its reference does, and gives the same numbers, in a child process. Throws like `evaluate`. */
export async function compareRenamedModels(request: RenamedRequest, options: ChildOptions = {}): Promise<RenamedComparison> {
  const { result } = await runChild({ kind: 'renamed', request }, basename(request.other.model), options)
  return result as RenamedComparison
}

/** The outputs of models that have no inputs, computed in a child process. Throws like `evaluate`, but for a model that ONNX Runtime refuses. */
export async function computeConstants(
  request: ConstantsRequest,
  options: ChildOptions = {},
): Promise<readonly ConstantPlaces[]> {
  const { result } = await runChild({ kind: 'constants', request }, 'the weights that are computed', options)
  return result as readonly ConstantPlaces[]
}

/** What a data module yields, as one SHA-256: it is run in a child process, and all its samples are read. Throws like `evaluate`. */
export async function digestModule(request: YieldRequest, options: ChildOptions = {}): Promise<string> {
  const { result } = await runChild({ kind: 'digest', request }, basename(request.path), options)
  return result as string
}

/** Latency of two models that take the same inputs, timed in turn in a child process. Throws like `evaluate`. */
export async function benchModels(request: LatencyRequest, options: ChildOptions = {}): Promise<Latency> {
  const { result } = await runChild({ kind: 'latency', request }, basename(request.pruned), options)
  return result as Latency
}

/**
 * What a model gives for data, batch by batch as it runs in a child process. Throws like `evaluate`. Whoever stops early ends the child.
 */
export async function* forwardModel(
  request: ForwardRequest,
  options: ChildOptions & { onEnd?: (outcome: ForwardResult) => void } = {},
): AsyncGenerator<ForwardPart> {
  const { signal } = options
  const stop = new AbortController()
  const waiting: ForwardPart[] = []
  let wake = () => {}
  const ended = runChild({ kind: 'forward', request }, basename(request.model), {
    ...options,
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
    onPart: (part) => {
      waiting.push(part)
      wake()
    },
  })
  let done = false
  const settle = () => {
    done = true
    wake()
  }
  const settled = ended.then(settle, settle)
  try {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift()!
      if (done) break
      await new Promise<void>((resolve) => {
        wake = resolve
        if (waiting.length > 0 || done) resolve()
      })
    }
    const { result } = await ended
    options.onEnd?.(result as ForwardResult)
  } finally {
    stop.abort()
    await settled
  }
}
