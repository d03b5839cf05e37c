import { availableParallelism } from 'node:os'
import type { DeviceCosts, DevicePlan } from '@pare/gpu/session'
import { openModel, PareError, symbolsOf } from '@pare/onnx'
import type { SessionPlan } from '@pare/sparse'
import type { Provider } from '../../process/provider.js'
import type { EvaluationProgress } from '../../process/request.js'
import { openSession, type Runtime, type Session } from '../../process/runtime.js'
import { integersOf } from '../counted.js'
import { type DeviceRun, type NoDeviceRun, openOnDevice } from '../device-run.js'
import { sameFiles } from '../same-files.js'
import { openSparse, type Runnable, type SparseRun } from '../sparse-run.js'
import { checkSameInputs, fixedBatch, type InputFacts, inputsOf, type OpenSizes, sizesFor } from './latency-inputs.js'
import { type Estimate, medianOf, type SpeedVerdict, speedupOf, type TimingRound, verdictOf } from './latency-statistics.js'
import { type SessionPair, timed, timeRounds, warmUp } from './rounds.js'

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
   * 'measured': where the pruned model has sparse weights and the provider is the CPU, it is run in a SparseSession too, which tries what is faster and, where
   * dense is, how many zeros would pay; where the provider is 'webgpu', in a GpuSession.
   * Default: 'measured'
   */
  readonly sparse?: 'measured' | 'never'
}

export interface Latency {
  readonly cases: readonly LatencyCase[]
  readonly executionProvider: Provider
  /** Version of ONNX Runtime. */
  readonly onnxruntime: string
  /** Whether both files are the same, byte for byte. */
  readonly identical: boolean
}

/** Both models with one number of threads and one batch, and how many times as fast the pruned model is. */
export interface LatencyCase extends Speed {
  readonly threads: number
  readonly batch: number
  /** Of the axes that the models leave open, by name. */
  readonly sizes: OpenSizes
  /** Of each model; short ones are timed several at once, which counts as one. */
  readonly runs: number
  /** How often both models were opened anew, so that where they lie in memory does not decide. */
  readonly openings: number
  /** How long both were timed. */
  readonly seconds: number
  /** Milliseconds of a run, medians. */
  readonly referenceMs: number
  readonly prunedMs: number
  /** The pruned model in a SparseSession. Null where that was not asked for, or the provider is not the CPU. */
  readonly sparse: SparseLatency | null
  /** The pruned model in a GpuSession. Null where that was not asked for, or the provider is not 'webgpu'. */
  readonly device: DeviceLatency | NoDeviceRun | null
}

/** The pruned model on a WebGPU device, with kernels of our own. */
export interface DeviceLatency {
  readonly plan: DevicePlan
  /** Of one run. */
  readonly costs: DeviceCosts
  readonly timed: SparseTimes
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
/** Less of a difference is told to nobody as one. */
const RESOLUTION = 0.02

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
    const open = (isReversed: boolean) => openPair(runtime, request, count, isReversed)
    const start = performance.now()
    await using first = await open(false)
    const openMs = await reopeningMs(open, performance.now() - start)
    checkSameInputs(first.reference, first.pruned)
    const opening = { threads: count, inputs: first.pruned.inputs }
    const tries = (provider: Provider) => request.sparse !== 'never' && runtime.provider === provider
    await using sparse = tries('cpu') ? await openSparse(runtime, request.pruned, opening) : undefined
    const onDevice = tries('webgpu') ? await openOnDevice(runtime, request.pruned, opening) : undefined
    await using _ = onDevice !== undefined && 'runAll' in onDevice ? onDevice : undefined
    const batches = batchesFor(first.reference, request.batches)
    for (const [i, batch] of batches.entries()) {
      const share = (done: number) =>
        onProgress({ done: turn * batches.length + i + done, total: threads.length * batches.length })
      const models = { first, open, openMs, sparse, onDevice }
      cases.push({ threads: count, batch, ...(await timeAll(models, { batch, request, facts, share })) })
    }
  }
  const identical = await sameFiles(request.reference, request.pruned)
  return { cases, executionProvider: runtime.provider, onnxruntime: runtime.version, identical }
}

/** How long it takes to open both again, where the first time, which also loads and compiles what opens them, was no longer than an evaluation is timed. */
async function reopeningMs(open: (isReversed: boolean) => Promise<SessionPair>, firstMs: number): Promise<number> {
  if (firstMs > SECONDS * 1000) return firstMs
  const start = performance.now()
  const pair = await open(true)
  const openMs = performance.now() - start
  await pair[Symbol.asyncDispose]()
  return openMs
}

/** Opens both models, which of them first by lot. */
async function openPair(
  runtime: Runtime,
  { reference, pruned }: Pick<LatencyRequest, 'reference' | 'pruned'>,
  threads: number,
  isReversed: boolean,
): Promise<SessionPair> {
  const paths = isReversed ? [pruned, reference] : [reference, pruned]
  const sessions: Session[] = []
  for (const path of paths) sessions.push(await openSession(runtime, path, { threads, spinning: true }))
  const [one, other] = sessions as [Session, Session]
  return {
    reference: isReversed ? other : one,
    pruned: isReversed ? one : other,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) await session[Symbol.asyncDispose]()
    },
  }
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
  readonly first: SessionPair
  readonly open: (isReversed: boolean) => Promise<SessionPair>
  /** How long that takes. */
  readonly openMs: number
  readonly sparse: SparseRun | undefined
  readonly onDevice: DeviceRun | NoDeviceRun | undefined
}

async function timeAll({ first, open, openMs, sparse, onDevice }: Models, { batch, request, facts, share }: Timing) {
  const { dims = {}, runs, seconds = SECONDS, seed = 1 } = request
  const { reference } = first
  const sizes = sizesFor({ name: reference.name, inputs: reference.inputs, symbols: facts.symbols }, batch, dims)
  const toRun = (model: Runnable) => {
    const inputs = inputsOf(model, sizes, facts)
    return () => timed(model, inputs, sizes)
  }
  const runsOf = (pair: SessionPair) => [pair.reference, pair.pruned].map(toRun)
  const callMs = Math.min(...(await warmUp(runsOf(first))))
  // Its first run makes the plan.
  await sparse?.runAll(inputsOf(sparse, sizes, facts))
  const plan = sparse?.plan()
  const device = onDevice !== undefined && 'runAll' in onDevice ? onDevice : undefined
  const third = plan?.kind === 'sparse' ? sparse : device
  const more = third === undefined ? [] : [toRun(third)]
  const timing = await timeRounds({ first, open, openMs, runsOf, callMs, more, runs, seconds, seed, share })
  const { rounds } = timing
  const all = (which: number) => rounds.flatMap((round) => round[which] ?? [])
  const ofThird = all(2)
  const times =
    ofThird.length === 0
      ? null
      : { ms: medianOf(ofThird), overReference: speedOf(rounds, 0, 2), overPruned: speedOf(rounds, 1, 2) }
  return {
    sizes,
    runs: all(0).length,
    ...{ openings: timing.openings, seconds: timing.seconds },
    referenceMs: medianOf(all(0)),
    prunedMs: medianOf(all(1)),
    ...speedOf(rounds, 0, 1),
    sparse: plan === undefined ? null : { plan, timed: times },
    device:
      device === undefined
        ? ((onDevice as NoDeviceRun | undefined) ?? null)
        : { plan: device.plan(), costs: device.costs(), timed: times! },
  }
}

function speedOf(rounds: readonly TimingRound[], before: number, after: number): Speed {
  const speedup = speedupOf(rounds, before, after)
  return { speedup, verdict: verdictOf(speedup, RESOLUTION) }
}
