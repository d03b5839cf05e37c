import { worthless } from '@pare/gate'
import { aggregateOf, type Metric } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { type Batch, type DataSet, firstOf, padBatch } from '../data/dataset.js'
import { fingerprints, shared } from '../data/fingerprint.js'
import { type DataArray, type ElementType, firstNaN, isInteger, isStrings, type NdArray, numbersOf } from '../data/ndarray.js'
import type { ColumnNames } from '../data/rows/columns.js'
import { judgeBatch } from '../metrics/judged.js'
import { openRequested } from '../process/encoder-decoder.js'
import type { EvaluateRequest } from '../process/request.js'
import type { Runtime } from '../process/runtime.js'
import { chooseBatch } from './batch-size.js'
import { startFacts } from './facts.js'
import { runFor } from './judge.js'
import { openMeasured, prepareRuns } from './measured.js'
import { startInputs, startScores } from './scores.js'

/** A model and its data, looked at before anything is done with them. */
export interface LookRequest extends EvaluateRequest {
  /** After how many milliseconds no more samples are read. Default: 10,000 */
  readonly readingMs?: number
  /** Whether it is noted which samples were read, by their content. Default: false */
  readonly fingerprints?: boolean
}

/** What a first look finds. */
export interface FirstLook {
  /** What is wrong with the data, or with what is to be measured on them. Undefined: nothing that was seen */
  readonly problem?: { readonly message: string; readonly hint?: string; readonly untrusted: boolean }
  /** In all, where that is known. */
  readonly samples?: number
  /** That were read. */
  readonly read: number
  /** Of whole numbers, as labels of classes and masks are: how many samples have each of the commonest, the commonest first. */
  readonly labels?: readonly (readonly [label: number, samples: number])[]
  /** Milliseconds that the model takes for one sample, in batches as they will be. */
  readonly msPerSample?: number
  readonly batch?: number
  readonly output?: string
  /** Of the samples that were read, in base64: see `sharedSamples`. */
  readonly fingerprints?: string
  readonly notes: readonly string[]
  /** Why a drop of the metrics would say nothing, by the samples that the model ran on: it answers all of them alike, or no better than one who does not look. */
  readonly doubts: readonly string[]
}

/** After how many milliseconds the model is run on no more batches. */
const RUNNING_MS = 500
/** On fewer samples a good model may look no better than chance. */
const FEWEST_JUDGED = 200
/** The same of groups of samples that belong together, of which each tells a little more than one sample. */
const FEWEST_GROUPS = 50

/**
 * Opens the model and its data, reads samples until all are read or the time is over, runs the model on the first batches and the last of them, and reads what comes out
 * as the metrics will. Throws PareError where the model itself cannot be opened: that is no matter of the data.
 */
export async function look(runtime: Runtime, { readingMs = 10_000, ...request }: LookRequest): Promise<FirstLook> {
  const { trusted = false, threads } = request
  await using model = await openRequested(runtime, request, {
    trusted,
    samplesFirst: true,
    batchAxis: request.batchAxis,
    ...(threads !== undefined && { threads }),
  })
  const view: Seen = { read: 0, notes: [], doubts: [] }
  try {
    const measured = await openMeasured(model, request)
    const { metrics, output, data } = measured
    Object.assign(view, { notes: data.notes }, data.samples !== undefined && { samples: data.samples })
    const batch = await chooseBatch(data, [{ path: request.model, inputs: model.inputs }], request.batch)
    Object.assign(view, { batch: batch.size }, output !== undefined && { output })
    const { context, running } = await prepareRuns(measured, { model, request, batch })
    let outcome: Awaited<ReturnType<typeof runFor>> | undefined
    const worth = startWorth(metrics, output, data.columnNames)
    const judge = async (read: Batch, { runs }: { readonly runs: boolean }) => {
      // Writing takes long: one answer shows whether it works, and about how long.
      const seen = read.prompts === undefined ? read : firstOf(read, 1)
      const part = measured.labelled(seen)
      if (runs) {
        const fed = batch.fixed ? padBatch(part, batch.size) : part
        const start = performance.now()
        outcome = await runFor(model, fed, running)
        view.msPerSample ??= (performance.now() - start) / (part.prompts === undefined ? fed.size : 1)
      }
      if (runs && outcome !== undefined && output !== undefined) {
        refuseNaN(outcome.output, output, part)
        // The last batch says no more than the first.
        const note = view.read === 0 ? sameNote(outcome.output, output, part) : undefined
        if (note !== undefined) view.doubts = [note]
      }
      if (outcome === undefined || output === undefined) return
      // What was asked is read as a whole already.
      if ((part.questions ?? part.prompts ?? part.pairs) !== undefined && !runs) return
      // Labels of other batches are read beside what came out for the first. What compares with a reference compares the model with itself here.
      const judged = judgeBatch({ ...outcome, batch: part, name: output, context, reference: outcome.output }, metrics)
      if (runs) worth.add(judged, part)
    }
    const prints: Uint8Array[] = []
    const noted = async (read: Batch, how: { readonly runs: boolean }) => {
      if (request.fingerprints === true) prints.push(fingerprints(read))
      await judge(read, how)
    }
    const last = await readThrough(data, {
      ...{ size: batch.size, view, judge: noted },
      ...{ end: performance.now() + readingMs, runningEnd: performance.now() + RUNNING_MS },
    })
    if (prints.length > 0) view.fingerprints = Buffer.concat(prints).toString('base64')
    if (last !== undefined) await judge(last, { runs: true })
    if (view.doubts.length === 0) view.doubts = worth.doubts(data.samples)
    return view
  } catch (error) {
    if (!(error instanceof PareError)) throw error
    const { message, hint } = error
    return {
      ...view,
      problem: { message, untrusted: 'kind' in error && error.kind === 'untrusted', ...(hint !== undefined && { hint }) },
    }
  }
}

/** What the metrics make of the samples that were run. */
function startWorth(metrics: readonly Metric[], output: string | undefined, columns: ColumnNames) {
  // With itself a model agrees.
  const judged = new Map(metrics.filter(({ needs }) => needs.against !== 'reference').map((metric) => [metric.name, metric]))
  const scores = startScores(metrics)
  const inputs = startInputs()
  const gathered = startFacts(columns)
  let ran = 0
  return {
    add(samples: ReturnType<typeof judgeBatch>, batch: Batch) {
      scores.add(samples, batch)
      inputs.add(batch)
      gathered.add(batch)
      ran += batch.size
    },
    /** `all`: how many samples there are. */
    doubts(all: number | undefined): string[] {
      if (output === undefined || ran === 0 || (ran < FEWEST_JUDGED && ran !== all)) return []
      const facts = gathered.finish()
      // Of samples that belong together the first ones may all be of one group.
      if (ran !== all && facts?.group !== undefined && facts.group.names.length < FEWEST_GROUPS) return []
      return scores.finish(output, inputs.same()).measurements.flatMap((measurement) => {
        const metric = judged.get(measurement.metric)
        return metric === undefined ? [] : worthless(measurement, { facts, aggregate: aggregateOf(metric.combine) })
      })
    },
  }
}

/** Nothing that is measured from NaN has a value. */
function refuseNaN(output: DataArray, name: string, { first, size }: Batch): void {
  const at = isStrings(output) ? -1 : firstNaN(output)
  const sample = Math.floor((at * (output.shape[0] ?? 1)) / output.data.length)
  if (at < 0 || sample >= size) return
  throw new PareError(`output '${name}' holds NaN for sample ${first + sample}.`, {
    hint: 'check that this is the trained model, that inputs are scaled as in training, and which output is measured: --output NAME.',
  })
}

/** As many samples with the same numbers tell that something is wrong, where they are fractions. */
const FEWEST_SAME = 8

/** What is said of an output that does not depend on the input. */
function sameNote(output: DataArray, name: string, { size }: Batch): string | undefined {
  if (isStrings(output) || isInteger(output.type as ElementType) || size < FEWEST_SAME || output.shape[0] !== size)
    return undefined
  const each = output.data.length / size
  const first = output.data.subarray(0, each)
  for (let at = each; at < output.data.length; at++) if (output.data[at] !== first[at % each]) return undefined
  return `output '${name}' is the same for ${size} samples, whatever the input: nothing that is measured from it shows what pruning costs. Check that this is the trained model, that inputs are scaled as in training, and which output is measured`
}

/** How many of the samples that a first look read another one read, too. Both must have noted them. */
export function sharedSamples(one: FirstLook, other: FirstLook): number {
  const [prints, others] = [one, other].map((each) => Buffer.from(each.fingerprints ?? '', 'base64'))
  return shared(prints!, others!)
}

type Seen = { -readonly [Key in keyof FirstLook]: FirstLook[Key] }

interface Through {
  readonly size: number
  readonly view: Seen
  readonly end: number
  /** When batches are no longer run. */
  readonly runningEnd: number
  readonly judge: (batch: Batch, how: { readonly runs: boolean }) => Promise<void>
}

/** Reads batches, and gives the last one, where it was not run. */
async function readThrough(data: DataSet, { size, view, end, runningEnd, judge }: Through): Promise<Batch | undefined> {
  const labels = new Map<number, number>()
  let last: Batch | undefined
  for await (const batch of data.batches(size)) {
    const runs = view.read === 0 || performance.now() < runningEnd
    await judge(batch, { runs })
    last = runs ? undefined : batch
    view.read += batch.size
    countLabels(batch, labels)
    if (performance.now() > end) break
  }
  const common = [...labels].sort(([a, n], [b, m]) => m - n || a - b).slice(0, MOST_LABELS)
  if (common.length > 0) view.labels = common
  return last
}

const MOST_LABELS = 12

function countLabels({ label, size, isMasked }: Batch, labels: Map<number, number>): void {
  if (label !== undefined && isMasked === true) return countMasks(label, size, labels)
  if (label === undefined || label.data.length !== size) return
  const values = numbersOf(label)
  if (!values.every(Number.isInteger)) return
  for (const value of values) labels.set(value, (labels.get(value) ?? 0) + 1)
}

/** In how many masks each class is. What lies beyond an image is none. */
function countMasks(label: NdArray, size: number, labels: Map<number, number>): void {
  const values = numbersOf(label)
  const each = values.length / size
  for (let i = 0; i < size; i++)
    for (const value of new Set(values.subarray(i * each, (i + 1) * each)))
      if (value !== -100) labels.set(value, (labels.get(value) ?? 0) + 1)
}
