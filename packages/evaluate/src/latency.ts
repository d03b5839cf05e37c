import { availableParallelism } from 'node:os'
import { openModel, PareError } from '@pare/onnx'
import { type Integers, integersOf } from './counted.js'
import { checkSameInputs, fixedBatch, inputsOf, type Sizes, sizesFor } from './latency-inputs.js'
import { type Estimate, FEWEST_RUNS, medianOf, type SpeedVerdict, speedupOf, verdictOf } from './latency-statistics.js'
import type { Provider } from './provider.js'
import type { Progress } from './request.js'
import { openSession, type Runtime, type Session } from './runtime.js'

/** Two models that take the same inputs, and how to time them. */
export interface LatencyRequest {
  readonly reference: string
  readonly pruned: string
  /** Numbers of threads to try. Default: 1 and all cores; of a provider other than 'cpu' all cores, which only help it. */
  readonly threads?: readonly number[]
  /** Batches to try. Default: 1 and 8, or the one that the model has for good. */
  readonly batches?: readonly number[]
  /** Sizes of other axes that are not fixed, by name. Default: 16, and 224 for height and width of images. */
  readonly dims?: Sizes
  /** Runs of each model in each case. Default: as many as `seconds` allow. */
  readonly runs?: number
  /** How long each case runs, warm-up not counted. Default: 2. */
  readonly seconds?: number
  /** Of the order in which the models of a pair run. Default: 1. */
  readonly seed?: number
}

export interface Latency {
  readonly cases: readonly LatencyCase[]
  readonly executionProvider: Provider
  /** Version of ONNX Runtime. */
  readonly onnxruntime: string
}

/** Both models with one number of threads and one batch. */
export interface LatencyCase {
  readonly threads: number
  readonly batch: number
  /** Of the axes that the models leave open, by name. */
  readonly sizes: Sizes
  /** Of each model. */
  readonly runs: number
  /** Milliseconds of a run, medians. */
  readonly referenceMs: number
  readonly prunedMs: number
  /** How many times as fast the pruned model is. */
  readonly speedup: Estimate
  readonly verdict: SpeedVerdict
}

const SECONDS = 2
const WARM_UP_RUNS = 5
const FEWEST_TIMED = 20
const MOST_RUNS = 5000
/**
 * A model beside itself differs by up to this much however often both run: its two sessions lie at different places in memory (bench/README.md).
 */
export const RESOLUTION = 0.02

/**
 * Times both models run by run: each pair in an order drawn by lot, so that what slows the machine down meets both alike. In this process;
 * `benchModels` does so in a child.
 */
export async function measureLatency(
  runtime: Runtime,
  request: LatencyRequest,
  onProgress: (progress: Progress) => void = () => {},
): Promise<Latency> {
  const usual = runtime.provider === 'cpu' ? [1, availableParallelism()] : [availableParallelism()]
  const threads = [...new Set(request.threads ?? usual)]
  const integers = await integersIn(request.reference)
  const cases: LatencyCase[] = []
  for (const [turn, count] of threads.entries()) {
    await using reference = await openSession(runtime, request.reference, { threads: count, spinning: true })
    await using pruned = await openSession(runtime, request.pruned, { threads: count, spinning: true })
    checkSameInputs(reference, pruned)
    const batches = batchesFor(reference, request.batches)
    for (const [i, batch] of batches.entries()) {
      const share = (done: number) =>
        onProgress({ done: turn * batches.length + i + done, total: threads.length * batches.length })
      cases.push({ threads: count, batch, ...(await timeBoth([reference, pruned], { batch, request, integers, share })) })
    }
  }
  return { cases, executionProvider: runtime.provider, onnxruntime: runtime.version }
}

function batchesFor(model: Session, wanted: readonly number[] | undefined): readonly number[] {
  const fixed = fixedBatch(model)
  if (fixed === undefined) return [...new Set(wanted ?? [1, 8])]
  const other = wanted?.find((batch) => batch !== fixed)
  if (other === undefined) return [fixed]
  throw new PareError(`bench: a batch of ${other}, but ${model.name} takes batches of ${fixed} only.`, {
    hint: `leave the batch out, or export the model with an open batch.`,
  })
}

async function integersIn(path: string): Promise<Integers> {
  await using file = await openModel(path)
  return integersOf(file.model)
}

interface Timing {
  readonly batch: number
  readonly request: LatencyRequest
  /** Of the tables that integer inputs index. */
  readonly integers: Integers
  /** Told which part of the case is done. */
  readonly share: (done: number) => void
}

async function timeBoth(models: readonly [Session, Session], { batch, request, integers, share }: Timing) {
  const { dims = {}, runs, seconds = SECONDS, seed = 1 } = request
  const sizes = sizesFor(models[0], batch, dims)
  const run = models.map((model) => {
    const inputs = inputsOf(model, sizes, integers)
    return () => timed(model, inputs, sizes)
  })
  for (let i = 0; i < WARM_UP_RUNS; i++) for (const once of run) await once()
  const times: [number[], number[]] = [[], []]
  const least = Math.max(runs ?? FEWEST_TIMED, FEWEST_RUNS)
  const start = performance.now()
  for (let i = 0; ; i++) {
    const spent = (performance.now() - start) / 1000 / seconds
    if (i >= least && (runs !== undefined || spent >= 1 || i >= MOST_RUNS)) break
    share(Math.min(runs === undefined ? spent : i / least, 1))
    const first = coin(seed, i)
    for (const which of [first, 1 - first]) times[which]!.push(await run[which]!())
  }
  const speedup = speedupOf(...times)
  return {
    sizes,
    runs: times[0].length,
    referenceMs: medianOf(times[0]),
    prunedMs: medianOf(times[1]),
    speedup,
    verdict: verdictOf(speedup, RESOLUTION),
  }
}

/** Milliseconds of one run, with what Node needs to hand inputs over. */
async function timed(model: Session, inputs: Parameters<Session['runAll']>[0], sizes: Sizes): Promise<number> {
  const start = performance.now()
  await model.runAll(inputs).catch((cause: Error) => {
    const given = Object.entries(sizes).map(([name, size]) => `${name}=${size}`)
    throw new PareError(`${model.name} does not run with ${given.join(', ') || 'inputs that are made up'}: ${cause.message}`, {
      hint: 'give the sizes that the model was made for: --dims height=32,width=32',
      cause,
    })
  })
  return performance.now() - start
}

/** 0 or 1, a function of the seed and a count (hash prospector's lowbias32). */
function coin(seed: number, count: number): 0 | 1 {
  let x = (Math.imul(seed, 0x9e3779b1) + count) | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return ((x ^ (x >>> 15)) >>> 31) as 0 | 1
}
