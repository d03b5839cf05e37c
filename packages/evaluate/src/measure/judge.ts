import type { Measurement } from '@pare/gate'
import type { Metric, ReadableSample } from '@pare/metric'
import { startRecorder } from '@pare/metric'
import { PareError } from '@pare/onnx'
import type { Batch } from '../data/dataset.js'
import type { NdArray } from '../data/ndarray.js'
import { judgeBatch } from '../metrics/judged.js'
import type { ReadingContext } from '../metrics/outcome.js'
import { ROUNDING, startSameness } from '../metrics/sameness.js'
import { isText } from '../metrics/texts.js'
import type { EvaluateRequest } from '../process/request.js'
import type { Runtime, Session } from '../process/runtime.js'
import { type BatchAnswers, startAnswering } from './answers.js'
import { encodePairs } from './asking/encode-pairs.js'
import { type AskingPlace, likelihoodsOf } from './asking/likelihoods.js'
import { writeAnswers } from './asking/write-answers.js'
import type { Writing } from './asking/writing.js'
import { createRecording } from './sharing/recording.js'
import { isInShare } from './sharing/share.js'

/** What one model made of a batch, as metrics and the report read it. */
export interface JudgedOutcome {
  /** For each metric its samples. */
  readonly samples: readonly (readonly ReadableSample[])[]
  readonly answers: BatchAnswers
}

/** Gives what models make of the batches of a data set, in order. */
export interface Judge extends AsyncDisposable {
  /** That are to be tallied. */
  readonly metrics: readonly Metric[]
  /** Undefined: the batch is in another share. `fed`: the batch as the models take it. */
  judge(
    batch: Batch,
    at: { readonly number: number; readonly fed: () => Batch },
  ): Promise<{ readonly own: JudgedOutcome; readonly reference?: JudgedOutcome | undefined } | undefined>
  finish(all: { readonly batches: number; readonly samples: number }): Promise<JudgedEnd>
}

export interface JudgedEnd {
  /** Of classes, as they are known or were met. */
  readonly names: readonly string[]
  readonly same: { readonly own: Measurement['same']; readonly reference: Measurement['same'] }
}

interface Live {
  readonly model: Session
  readonly reference: Session | undefined
  readonly running: Running
  readonly context: ReadingContext
}

interface Recorded {
  readonly runtime: Runtime
  readonly request: EvaluateRequest
  readonly batch: number
  readonly threads: number
}

/** Runs the models; of a share it runs its batches alone, and records them. */
export async function startJudge(live: Live, { runtime, request, batch: size, threads }: Recorded): Promise<Judge> {
  const started = performance.now()
  const { model, reference, running, context } = live
  const { output, metrics } = running
  const { share } = request
  const [own, other] = [startOutcomes(metrics), startOutcomes(metrics)]
  const nameCount = context.metNames().length
  const writer =
    share &&
    (await createRecording(share.recording, {
      schemaVersion: 1,
      share: { index: share.index, count: share.count },
      ...{ metrics: request.metrics, output, batch: size, hasReference: reference !== undefined, threads },
      ...{ executionProvider: runtime.provider, onnxruntime: runtime.version },
    }))
  return {
    metrics,
    async judge(batch, { number, fed }) {
      if (share !== undefined && !isInShare(share, number)) return undefined
      const run = await runFor(model, fed(), running)
      const otherRun = reference && (await runFor(reference, fed(), running))
      const outcome = { batch, name: output, context, ...(otherRun && { reference: otherRun.output }) }
      const judged = own.add({ ...outcome, ...run })
      const judgedReference = otherRun && other.add({ ...outcome, ...otherRun })
      if (share !== undefined && share.count > 1 && context.metNames().length > nameCount)
        throw unnumbered(context.metNames().at(-1)!)
      await writer?.write({
        ...{ batch: number, first: batch.first, size: batch.size, own: own.record(judged) },
        ...(judgedReference && { reference: other.record(judgedReference) }),
      })
      return { own: judged, reference: judgedReference }
    },
    async finish(all) {
      const names = context.metNames()
      await writer?.write({
        ...{ end: true, ...all, names, own: own.sameness.state() },
        ...(reference && { reference: other.sameness.state() }),
        durationMs: performance.now() - started,
      })
      return { names, same: { own: sameOutputs(own.sameness), reference: sameOutputs(other.sameness) } }
    },
    [Symbol.asyncDispose]: async () => void (await writer?.[Symbol.asyncDispose]()),
  }
}

export function sameOutputs(sameness: { isSame(): boolean }): Measurement['same'] {
  return sameness.isSame() ? 'outputs' : undefined
}

/** Names are numbered in the order in which they are met, which is another one in each share. */
function unnumbered(name: string): PareError {
  return new PareError(
    `evaluation: the class '${name}' has no number, and shares of the data would number it each in its own way.`,
    {
      hint: 'name the classes in their order: evaluate: { classes: [...] } in the config, or an id2label in the config.json beside the model.',
    },
  )
}

/** One model's outcomes, batch by batch. */
function startOutcomes(metrics: readonly Metric[]) {
  const sameness = startSameness(ROUNDING)
  const answersOf = startAnswering(metrics)
  const recorders = metrics.map(startRecorder)
  return {
    sameness,
    add(outcome: Parameters<typeof judgeBatch>[0]): JudgedOutcome {
      const samples = judgeBatch(outcome, metrics)
      if (!isText(outcome.output)) sameness.add(outcome.output, outcome.batch.size)
      return { samples, answers: answersOf(samples) }
    },
    record: ({ samples, answers }: JudgedOutcome) => ({
      samples: samples.map((own, i) => own.map((sample) => recorders[i]!.record(sample))),
      answers,
    }),
  }
}

/** How a batch is run. */
interface Running extends AskingPlace {
  readonly metrics: readonly Metric[]
  /** Where the model is to write. */
  readonly writing?: Writing
}

/** The output that is measured, and all of them where a metric looks at more than one; of questions how likely the model holds their choices, of prompts what it writes. */
export async function runFor(
  session: Session,
  fed: Batch,
  { output, metrics, atOnce, writing }: Running,
): Promise<{ output: NdArray; outputs?: Readonly<Record<string, NdArray>> }> {
  if (fed.questions !== undefined) return { output: await likelihoodsOf(session, fed, { output, atOnce }) }
  if (fed.pairs !== undefined) {
    const pooling = new Set(metrics.flatMap(({ needs }) => needs.pairs ?? []))
    return { output: await encodePairs(session, fed, { output, atOnce, pooling: [...pooling] }) }
  }
  if (writing !== undefined) return { output: await writeAnswers(session, fed, { output, atOnce, writing }) }
  if (!metrics.some(({ needs }) => needs.read === 'boxes' || needs.with !== undefined))
    return { output: await session.run(fed, output) }
  const outputs = await session.runBatch(fed)
  return { output: outputs[output]!, outputs }
}
