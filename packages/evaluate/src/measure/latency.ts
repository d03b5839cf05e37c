import { availableParallelism } from 'node:os'
import { openModel, PareError, symbolsOf } from '@pare/onnx'
import type { SessionPlan } from '@pare/sparse'
import type { Provider } from '../process/provider.js'
import type { EvaluationProgress } from '../process/request.js'
import { openSession, type Runtime, type Session } from '../process/runtime.js'
import { integersOf } from './counted.js'
import { checkSameInputs, fixedBatch, type InputFacts, inputsOf, type OpenSizes, sizesFor } from './latency-inputs.js'
import { type Estimate, FEWEST_RUNS, medianOf, type SpeedVerdict, speedupOf, verdictOf } from './latency-statistics.js'
import { openSparse, type Runnable, type SparseRun } from './sparse-run.js'

/** Two models that take the same inputs, and how to time them. */
export interface LatencyRequest {
  readonly reference: string
  readonly pruned: string
  /** Numbers of threads to try. Default: 1 and all cores; of a provider other than 'cpu' all cores, which only help it. */
  readonly threads?: readonly number[]
  /** Batches to try. Default: 1 and 8, or the one that the model has for good. */
  readonly batches?: readonly number[]
  /** Sizes of other axes that are not fixed, by name. Default: 16, and 224 for height and width of images. */
  readonly dims?: OpenSizes
  /** Runs of each model in each case. Default: as many as `seconds` allow. */
  readonly runs?: number
  /** How long each case runs, warm-up not counted. Default: 2. */
  readonly seconds?: number
  /** Of the order in which the models of a pair run. Default: 1. */
  readonly seed?: number
  /**
   * 'measured': where the pruned model has sparse weights and the provider is the CPU, it is run in a SparseSession too, which tries what is faster.
   * Default: 'measured'
   */
  readonly sparse?: 'measured' | 'never'
}

export interface Latency {
  readonly cases: readonly LatencyCase[]
  readonly executionProvider: Provider
  /** Version of ONNX Runtime. */
  readonly onnxruntime: string
}

/** Both models with one number of threads and one batch, and how many times as fast the pruned model is. */
export interface LatencyCase extends Speed {
  readonly threads: number
  readonly batch: number
  /** Of the axes that the models leave open, by name. */
  readonly sizes: OpenSizes
  /** Of each model. */
  readonly runs: number
  /** Milliseconds of a run, medians. */
  readonly referenceMs: number
  readonly prunedMs: number
  /** The pruned model in a SparseSession. Null where that was not asked for, or the provider is not the CPU. */
  readonly sparse: SparseLatency | null
}

/** The pruned model with sparse weights on kernels of our own. */
export interface SparseLatency {
  /** What was chosen for these inputs and why, with the times of each layer with a sparse weight. */
  readonly plan: SessionPlan
  /** Set where sparse was chosen; dense it is the pruned model as it was timed beside it. */
  readonly timed: SparseTimes | null
}

export interface SparseTimes {
  /** Milliseconds of a run, median. */
  readonly ms: number
  readonly overReference: Speed
  /** Over the same model dense. */
  readonly overPruned: Speed
}

/** How many times as fast one is as another. */
export interface Speed {
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
 * Times the models run by run, each round in an order drawn by lot, so that what slows the machine down meets both alike. In this process;
 * `benchModels` does so in a child.
 */
export async function measureLatency(
  runtime: Runtime,
  request: LatencyRequest,
  onProgress: (progress: EvaluationProgress) => void = () => {},
): Promise<Latency> {
  const usual = runtime.provider === 'cpu' ? [1, availableParallelism()] : [availableParallelism()]
  const threads = [...new Set(request.threads ?? usual)]
  const facts = await knownOf(request.reference)
  const cases: LatencyCase[] = []
  for (const [turn, count] of threads.entries()) {
    await using reference = await openSession(runtime, request.reference, { threads: count, spinning: true })
    await using pruned = await openSession(runtime, request.pruned, { threads: count, spinning: true })
    checkSameInputs(reference, pruned)
    const trySparse = request.sparse !== 'never' && runtime.provider === 'cpu'
    await using sparse = trySparse
      ? await openSparse(runtime, request.pruned, { threads: count, inputs: pruned.inputs })
      : undefined
    const batches = batchesFor(reference, request.batches)
    for (const [i, batch] of batches.entries()) {
      const share = (done: number) =>
        onProgress({ done: turn * batches.length + i + done, total: threads.length * batches.length })
      const models = { reference, pruned, sparse }
      cases.push({ threads: count, batch, ...(await timeAll(models, { batch, request, facts, share })) })
    }
  }
  return { cases, executionProvider: runtime.provider, onnxruntime: runtime.version }
}

function batchesFor(model: Session, batches: readonly number[] | undefined): readonly number[] {
  const fixed = fixedBatch(model)
  if (fixed === undefined) return [...new Set(batches ?? [1, 8])]
  const other = batches?.find((batch) => batch !== fixed)
  if (other === undefined) return [fixed]
  throw new PareError(`bench: a batch of ${other}, but ${model.name} takes batches of ${fixed} only.`, {
    hint: `leave the batch out, or export the model with an open batch.`,
  })
}

async function knownOf(path: string): Promise<InputFacts> {
  await using file = await openModel(path)
  return { integers: integersOf(file.model), symbols: await symbolsOf(file.model) }
}

interface Timing {
  readonly batch: number
  readonly request: LatencyRequest
  /** Of the reference. */
  readonly facts: InputFacts
  /** Told which part of the case is done. */
  readonly share: (done: number) => void
}

interface Models {
  readonly reference: Session
  readonly pruned: Session
  readonly sparse: SparseRun | undefined
}

async function timeAll({ reference, pruned, sparse }: Models, { batch, request, facts, share }: Timing) {
  const { dims = {}, runs, seconds = SECONDS, seed = 1 } = request
  const sizes = sizesFor({ name: reference.name, inputs: reference.inputs, symbols: facts.symbols }, batch, dims)
  const toRun = (model: Runnable) => {
    const inputs = inputsOf(model, sizes, facts)
    return () => timed(model, inputs, sizes)
  }
  const run = [reference, pruned].map(toRun)
  for (let i = 0; i < WARM_UP_RUNS; i++) for (const once of run) await once()
  // Its first run makes the plan.
  await sparse?.runAll(inputsOf(sparse, sizes, facts))
  const plan = sparse?.plan()
  if (sparse !== undefined && plan?.kind === 'sparse') {
    run.push(toRun(sparse))
    for (let i = 0; i < WARM_UP_RUNS; i++) await run[2]!()
  }
  const times = run.map((): number[] => [])
  const least = Math.max(runs ?? FEWEST_TIMED, FEWEST_RUNS)
  const start = performance.now()
  for (let i = 0; ; i++) {
    const part = (performance.now() - start) / 1000 / seconds
    if (i >= least && (runs !== undefined || part >= 1 || i >= MOST_RUNS)) break
    share(Math.min(runs === undefined ? part : i / least, 1))
    for (const which of turns(seed, i, run.length)) times[which]!.push(await run[which]!())
  }
  const [ofReference = [], ofPruned = [], ofSparse] = times
  return {
    sizes,
    runs: ofReference.length,
    referenceMs: medianOf(ofReference),
    prunedMs: medianOf(ofPruned),
    ...speedOf(ofReference, ofPruned),
    sparse:
      plan === undefined ? null : { plan, timed: ofSparse === undefined ? null : sparseTimes(ofReference, ofPruned, ofSparse) },
  }
}

function sparseTimes(reference: readonly number[], pruned: readonly number[], sparse: readonly number[]): SparseTimes {
  return { ms: medianOf(sparse), overReference: speedOf(reference, sparse), overPruned: speedOf(pruned, sparse) }
}

function speedOf(before: readonly number[], after: readonly number[]): Speed {
  const speedup = speedupOf(before, after)
  return { speedup, verdict: verdictOf(speedup, RESOLUTION) }
}

/** Milliseconds of one run, with what Node needs to hand inputs over. */
async function timed(model: Runnable, inputs: Parameters<Runnable['runAll']>[0], sizes: OpenSizes): Promise<number> {
  const start = performance.now()
  await model.runAll(inputs).catch((cause: Error) => {
    const dims = Object.entries(sizes).map(([name, size]) => `${name}=${size}`)
    throw new PareError(`${model.name} does not run with ${dims.join(', ') || 'inputs that are made up'}: ${cause.message}`, {
      hint: 'give the sizes that the model was made for: --dims height=32,width=32',
      cause,
    })
  })
  return performance.now() - start
}

/** 0 to count − 1 from one drawn by lot on, round about one way or the other: a function of the seed and a number (hash prospector's lowbias32). */
function turns(seed: number, number: number, count: number): number[] {
  let x = (Math.imul(seed, 0x9e3779b1) + number) | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  x ^= x >>> 15
  const [first, step] = [(x >>> 1) % count, (x & 1) === 0 ? 1 : count - 1]
  return Array.from({ length: count }, (_, i) => (first + i * step) % count)
}
