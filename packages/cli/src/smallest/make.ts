import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Model, openModel, writeModel } from '@pare/onnx'
import type { OpenedModel } from '../engine/folding.js'
import type { Work } from '../engine/work.js'
import type { ModelHashes } from '../files/hash-model.js'
import { bytesOf, factsOf, type PlanFacts } from '../pipeline/facts/facts.js'
import { zippedSize } from '../pipeline/facts/zipped.js'
import { pruneInStages } from '../pipeline/stage.js'
import { quantiseModel, wholeOf } from '../pipeline/steps/quantise.js'
import type { SmallestSettings } from '../settings/smallest.js'
import type { Task } from '../settings/task.js'
import { isPareError } from '../terminal/failure.js'
import type { CandidateBits, CandidateSize, ModelCandidate } from './candidate.js'

/** A candidate as a file, or why it cannot be made. */
export type MadeCandidate = { readonly file: string; readonly size: CandidateSize } | { readonly reason: string }

interface Making {
  readonly opened: OpenedModel
  readonly task: Task
  readonly smallest: SmallestSettings
  /** Of the model. */
  readonly hashes: () => Promise<ModelHashes>
  /** Of files that are gone afterwards. */
  readonly temporary: string
  /** Where trainings and searches of shares within a trial stand, so that one that was stopped goes on. */
  readonly folder: string
}

/** Pruned models that are kept for other forms of their weights: the same ratios come again for each. */
const KEPT = 8

/** Makes candidates. What is pruned is pruned once for all forms of its weights, as far as it was kept. */
export function makeCandidates(making: Making, work: Work): (candidate: ModelCandidate) => Promise<MadeCandidate> {
  const kept = new Map<string, PrunedFile | { readonly reason: string }>()
  const prunedAt = async (candidate: ModelCandidate) => {
    const name = nameOf(candidate)
    const before = kept.get(name)
    if (before !== undefined) return before
    const pruned = await pruneAt(candidate, making, work)
    const [oldest] = kept.keys()
    if (kept.size >= KEPT && oldest !== undefined) {
      const old = kept.get(oldest)!
      kept.delete(oldest)
      if ('file' in old) await rm(old.file, { force: true })
    }
    kept.set(name, pruned)
    return pruned
  }
  return async (candidate) => {
    const { bits } = candidate
    const pruned = await prunedAt(candidate)
    if ('reason' in pruned) return pruned
    const file = bits === 'none' ? pruned.file : join(making.temporary, 'candidate.onnx')
    if (bits !== 'none') {
      const reason = await quantiseFile(pruned, file, { bits, task: making.task }, work)
      if (reason !== undefined) return { reason }
    }
    const { parameters, macs } = pruned.facts
    await using written = await openModel(file)
    const size = {
      ...{ bytes: bytesOf(written), zippedBytes: await zippedSize(file, work.signal) },
      ...{ parameters: parameters.nonzero, macs: macs?.after ?? null },
    }
    return { file, size }
  }
}

interface PrunedFile {
  readonly file: string
  readonly facts: Pick<PlanFacts, 'parameters' | 'macs'>
  /** The model that rounding is to be faithful to. Default: itself */
  readonly whole: Model | undefined
}

/** Of what is pruned, whatever becomes of its bits. */
function nameOf({ ratio, ratios = [ratio] }: ModelCandidate): string {
  return ratios.map((one) => Math.round(one * 100)).join('-')
}

async function pruneAt(candidate: ModelCandidate, making: Making, work: Work): Promise<PrunedFile | { readonly reason: string }> {
  const { opened, task, smallest, hashes, temporary, folder } = making
  const name = nameOf(candidate)
  const file = join(temporary, `pruned-${name}.onnx`)
  try {
    const steps = await smallest.stepsAt(candidate)
    const staging = { hashes, state: join(folder, `training-${name}`), searches: join(folder, `shares-${name}`) }
    const planned = { steps: [], groups: [], declined: [] }
    // What is chosen is proved when it is made for good.
    const { pruned, states, ...staged } =
      steps.length === 0
        ? { pruned: opened.model, planned, steps: [], blocks: [], trainings: [], states: [] }
        : await pruneInStages(opened.model, { ...task, steps, prove: false }, staging, work)
    const change = { model: opened.model, pruned, planned: staged.planned, retrained: staged.trainings.length > 0 }
    const facts = await factsOf({ ...change, ...(task.dims && { sizes: task.dims }) })
    await writeModel(pruned, file, { signal: work.signal })
    for (const state of states) await rm(state, { recursive: true, force: true })
    return { file, facts, whole: wholeOf(opened.model, staged) }
  } catch (error) {
    work.signal.throwIfAborted()
    // A ratio that some structure, criterion or target refuses is one that cannot be had; the message is told.
    if (!isPareError(error)) throw error
    return { reason: error.message }
  }
}

interface Bits {
  readonly bits: Exclude<CandidateBits, 'none'>
  /** What the user says of it, and the data by which ranges and rounding are found. */
  readonly task: Task
}

/** Writes a model with its weights in fewer bits. Returns why it is none, if so. */
async function quantiseFile(
  { file: from, whole }: PrunedFile,
  to: string,
  { bits, task }: Bits,
  work: Work,
): Promise<string | undefined> {
  await using file = await openModel(from)
  const setting = typeof task.quantise === 'object' && task.quantise.method === bits ? task.quantise : bits
  const { model, steps, warnings } = await quantiseModel({ model: file.model, whole }, { ...task, quantise: setting }, work)
  if (steps.length === 0) return warnings[0] ?? 'nothing is quantised'
  await writeModel(model, to, { signal: work.signal })
  return undefined
}
