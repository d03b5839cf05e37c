import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { countParameters, macCount, totalMacs } from '@pare/core'
import { figure, formatBytes } from '@pare/gate'
import { makeTemporaryFolder } from '@pare/onnx'
import { candidateName } from '@pare/report'
import { type OpenedModel, openFolded } from '../engine/folding.js'
import type { Work } from '../engine/work.js'
import { hashData } from '../files/hash.js'
import { hashModel, type ModelHashes } from '../files/hash-model.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { zippedSize } from '../pipeline/facts/zipped.js'
import { lookAt } from '../pipeline/first-look.js'
import { requestOf } from '../settings/data/partner.js'
import type { SmallestSettings } from '../settings/smallest.js'
import type { Task } from '../settings/task.js'
import { type Activity, silence } from '../terminal/progress.js'
import { packageVersion } from '../terminal/version.js'
import { type CandidateSize, candidateKey, type ModelCandidate, type TriedCandidate } from './candidate.js'
import { makeCandidates } from './make.js'
import { measureCandidates, searchDemands } from './measure.js'
import { type SmallestModel, searchSmallest } from './search.js'
import { openTrialFiles, type TrialFiles } from './trial-files.js'

/** How a search for the smallest model went. */
export interface SmallestSearchFacts extends SmallestModel {
  readonly smallest: SmallestSettings['smallest']
  readonly maxDrop: SmallestSettings['maxDrop']
  readonly metric: string
  readonly certainty: number
  /** On the search data. */
  readonly reference: CandidateSize & { readonly value: number }
  readonly data: { readonly path: string; readonly samples: number; readonly isSplit: boolean }
  /** Candidates that were tried by earlier runs. */
  readonly former: number
  readonly seconds: number
}

interface Finding {
  readonly task: Task
  readonly smallest: SmallestSettings
  /** Where trials are kept. */
  readonly folder: string
  /** Default: Date.now */
  readonly now?: () => number
}

/** Tries candidates until the smallest that passes on the search data is known. What was tried is kept in a folder, and not tried again. */
export async function findSmallest(
  { task, smallest, folder, now = Date.now }: Finding,
  work: Work,
): Promise<SmallestSearchFacts> {
  const start = now()
  const quiet: Work = { ...work, progress: silence }
  const temporary = makeTemporaryFolder('smallest')
  const activity = work.progress.begin(`${work.label}: looking for the smallest model that passes`)
  try {
    await using opened = await openFolded(task.path, quiet, { mergeAdapters: task.mergeAdapters ?? false })
    await using hashing = hashModel(opened.file)
    const hashes = () => hashing.digest()
    const reference = await sizeOf(opened, task, work.signal)
    const gateSamples = await samplesOfGate(task, smallest, quiet)
    const sequences = sequencesOf(smallest)
    const files = await openTrialFiles(
      folder,
      await identityOf(task, smallest, { hashes, judging: [gateSamples, sequences], work }),
    )
    const make = makeCandidates({ opened, task, smallest, hashes, temporary, folder }, quiet)
    const demands = task.demands ?? [{}]
    const measured = { reference: { path: task.path, ...reference }, smallest, demands, gateSamples, sequences, seed: task.seed }
    const measuring = await measureCandidates(measured, quiet)
    const compare = comparing(smallest.smallest)
    const isSmaller = (size: CandidateSize | undefined, than: TriedCandidate | undefined) =>
      size !== undefined && compare(size, than?.size ?? reference) < 0
    const tryAnew = async (candidate: ModelCandidate, than: TriedCandidate | undefined): Promise<TriedCandidate> => {
      const made = await make(candidate)
      if ('reason' in made) return { ...candidate, outcome: 'impossible', reason: made.reason }
      const { file, size } = made
      if (!isSmaller(size, than)) return { ...candidate, outcome: 'larger', size }
      return { ...candidate, size, ...(await measuring.judge(file, size)) }
    }
    const log = trialLog(work, { activity, expected: smallest.trials ?? 9 * smallest.bits.length })
    const attempt = remembering(files, { isSmaller, tryAnew })
    const search = await searchSmallest({
      ...{ bits: smallest.bits, free: smallest.free, seed: task.seed, trials: smallest.trials },
      make: sizing(files, make),
      mayPass: ({ outcome, drop }) => outcome === 'fail' && drop !== undefined && drop.value <= measuring.allowed,
      compare: (one, other) => compare(one.size, other.size),
      isLate: () => smallest.minutes !== undefined && now() - start >= smallest.minutes * 60_000,
      attempt: async (candidate, than) => {
        work.signal.throwIfAborted()
        return log.add(await attempt(candidate, than))
      },
    })
    const { evaluation, isSplit, maxDrop } = smallest
    return {
      ...search,
      ...{ smallest: smallest.smallest, maxDrop, metric: measuring.metric, certainty: measuring.certainty },
      reference: { ...reference, value: measuring.value },
      data: { path: evaluation.request.data, samples: measuring.samples, isSplit },
      ...{ former: log.known, seconds: (now() - start) / 1000 },
    }
  } catch (error) {
    if (work.signal.aborted)
      work.progress.note(`${work.label}: the search for the smallest model has stopped; the same command goes on from there`)
    throw error
  } finally {
    activity.end()
    await rm(temporary, { recursive: true, force: true })
  }
}

/** What the reference takes. */
async function sizeOf({ file, model }: OpenedModel, { path, dims }: Task, signal: AbortSignal): Promise<CandidateSize> {
  const { elements, zeros } = await countParameters(model)
  return {
    ...{ bytes: bytesOf(file), zippedBytes: await zippedSize(path, signal) },
    ...{ parameters: elements - zeros.before, macs: totalMacs(await macCount(model, dims)) },
  }
}

interface TrialLogOptions {
  readonly activity: Activity
  /** Trials that are likely to be made. */
  readonly expected: number
}

/** Says how each trial came out. */
function trialLog({ label, progress }: Work, { activity, expected }: TrialLogOptions) {
  const seen = new Set<string>()
  const count = { tried: 0, former: 0 }
  return {
    add({ tried, isKnown }: Attempt): TriedCandidate {
      count.tried++
      // What this run has tried is no other run's.
      if (isKnown && !seen.has(candidateKey(tried))) count.former++
      seen.add(candidateKey(tried))
      activity.update(count.tried, expected, candidateName(tried))
      progress.note(`${label}: trial ${count.tried}: ${describeTried(tried)}${isKnown ? ' (known)' : ''}`)
      return tried
    },
    /** Candidates that earlier runs tried. */
    get known(): number {
      return count.former
    },
  }
}

interface Attempt {
  readonly tried: TriedCandidate
  /** Whether it was tried before. */
  readonly isKnown: boolean
}

interface Attempting {
  readonly isSmaller: (size: CandidateSize | undefined, than: TriedCandidate | undefined) => boolean
  readonly tryAnew: (candidate: ModelCandidate, than: TriedCandidate | undefined) => Promise<TriedCandidate>
}

/** The task with what was chosen in the place of what is searched for. */
export async function chosenTask(task: Task, smallest: SmallestSettings, candidate: ModelCandidate): Promise<Task> {
  const { bits } = candidate
  const { quantise, ...others } = task
  const method = typeof quantise === 'string' ? quantise : quantise?.method
  const own = bits === 'none' ? {} : { quantise: method === bits ? quantise! : bits }
  return { ...others, ...own, steps: await smallest.stepsAt(candidate) }
}

/** What came of a candidate before, where it was tried; else it is tried, and kept as soon as it has finished. */
export function remembering(files: TrialFiles, { isSmaller, tryAnew }: Attempting) {
  return async (candidate: ModelCandidate, than: TriedCandidate | undefined): Promise<Attempt> => {
    const before = await files.find(candidate)
    // What was too large to be measured then may be small enough now.
    if (before !== undefined && !(before.outcome === 'larger' && isSmaller(before.size, than))) {
      const isLarger = before.outcome === 'pass' && !isSmaller(before.size, than)
      return { tried: isLarger ? { ...before, outcome: 'larger' } : before, isKnown: true }
    }
    const tried = await tryAnew(candidate, than)
    await files.keep(tried)
    return { tried, isKnown: false }
  }
}

/** Makes candidates for their size alone, unless that is known. */
function sizing(files: TrialFiles, make: ReturnType<typeof makeCandidates>) {
  return async (candidate: ModelCandidate): Promise<TriedCandidate> => {
    const before = await files.find(candidate)
    if (before !== undefined) return before
    const made = await make(candidate)
    const { outcome, ...others } =
      'reason' in made ? { outcome: 'impossible' as const, reason: made.reason } : { outcome: 'larger' as const, size: made.size }
    const one = { ...candidate, outcome, ...others }
    await files.keep(one)
    return one
  }
}

/** By what is to be small, and zipped bytes where that is the same. Nothing is smaller than what is not known. */
function comparing(smallest: SmallestSettings['smallest']) {
  const amounts = (size: CandidateSize | undefined): readonly number[] => {
    if (size === undefined) return [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    const { zippedBytes, macs, parameters } = size
    const first = { bytes: zippedBytes, macs: macs ?? Number.POSITIVE_INFINITY, parameters }[smallest]
    return [first, zippedBytes]
  }
  return (one: CandidateSize | undefined, other: CandidateSize | undefined): number => {
    const [mine, theirs] = [amounts(one), amounts(other)]
    const at = mine.findIndex((amount, i) => amount !== theirs[i])
    return at < 0 ? 0 : mine[at]! < theirs[at]! ? -1 : 1
  }
}

/** 'ratio 0.5, int4: 412 kB zipped, drop 0.004 (−0.002 to 0.01): pass' */
function describeTried(tried: TriedCandidate): string {
  const { size, drop, outcome, reason, isEarly } = tried
  const parts = [
    ...(size === undefined ? [] : [`${formatBytes(size.zippedBytes)} zipped`]),
    ...(drop === undefined ? [] : [`drop ${figure(drop.value, 3)}${isEarly ? ' on a quarter of the samples' : ''}`]),
    ...(outcome === 'impossible' ? [`cannot be made: ${reason}`] : outcome === 'larger' ? ['too large to be tried'] : [outcome]),
  ]
  return `${candidateName(tried)}: ${parts.join(', ')}`
}

/** What is tried until it fails: the ratios of each form, and of several steps those that are found to suit them. */
function sequencesOf({ bits, free }: SmallestSettings): number {
  return bits.length + Number(free > 1)
}

/** That judge what a search on other data chose. Undefined where none do, or where that is known only once they are read. */
async function samplesOfGate(
  { path: model, evaluation }: Task,
  { evaluation: search }: SmallestSettings,
  work: Work,
): Promise<number | undefined> {
  if (evaluation === undefined || evaluation.request.data === search.request.data) return undefined
  const look = await lookAt({ ...requestOf(evaluation, model), readingMs: 0 }, evaluation.limits, work)
  return look instanceof Error ? undefined : look.samples
}

async function hashOf(path: string): Promise<string> {
  await using hashing = hashData(path)
  return await hashing.digest()
}

interface Deciding {
  readonly hashes: () => Promise<ModelHashes>
  /** What else it takes to pass. */
  readonly judging: readonly (number | undefined)[]
  readonly work: Work
}

/** What decides how candidates come out. */
async function identityOf(
  task: Task,
  { evaluation, ...limits }: SmallestSettings,
  { hashes, judging, work }: Deciding,
): Promise<string> {
  const { calibration, training, steps, seed, dims, mergeAdapters, source, demands } = task
  const data: Record<string, string> = {}
  for (const path of new Set([calibration?.run.data, training?.data, evaluation.request.data])) {
    if (path === undefined) continue
    data[path] = await hashOf(path)
  }
  const { search: _, gate: __, evaluate: ___, ...own } = source
  const { search: ____, gate: _____, evaluate: ______, ...overrides } = source.overrides
  // What the unpruned model is in fewer bits is no candidate.
  const [level, overridden] = [own.level, overrides].map((each) => ({ ...each, baselines: undefined }))
  const settings = { ...own, level, overrides: overridden, allocations: steps.map(({ allocation }) => allocation) }
  const parts = {
    ...{ model: await hashes(), data: Object.values(data), request: { ...evaluation.request, data: undefined } },
    ...(evaluation.partner !== undefined && { partner: await hashOf(evaluation.partner.path) }),
    demands: searchDemands(demands ?? [{}], limits),
    judging: [limits.certainty, limits.isSplit, ...judging],
    ...{ settings, seed, dims, mergeAdapters },
    ...{ provider: work.engine.provider ?? 'cpu', pare: packageVersion() },
  }
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
