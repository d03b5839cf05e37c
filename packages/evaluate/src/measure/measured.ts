import { basename } from 'node:path'
import type { Metric } from '@pare/metric'
import { PareError, present } from '@pare/onnx'
import { type DataOptions, openData } from '../data/data.js'
import type { Batch } from '../data/dataset.js'
import { findMetric } from '../metrics/find.js'
import { startContext } from '../metrics/outcome.js'
import { textArray, waysArray } from '../metrics/texts.js'
import { readersOf } from '../metrics/tokenizer.js'
import { noSingleRun } from '../process/encoder-decoder.js'
import type { EvaluateRequest } from '../process/request.js'
import type { Session } from '../process/runtime.js'
import { askingOf } from './asking/asking.js'
import { writingOf } from './asking/writing.js'
import type { BatchSize } from './batch-size.js'

/** What is measured: metrics, one output of the model, and data as these want them. */
export type MeasuredSubject = Awaited<ReturnType<typeof openMeasured>>

/** Finds the metrics and the output, and opens the data. Without metrics, data as the model is fed with them. */
export async function openMeasured(model: Session, request: EvaluateRequest, importModule?: DataOptions['importModule']) {
  const metrics = await Promise.all([...new Set(request.metrics)].map((name) => findMetric(name, request.modules)))
  const output = metrics.length === 0 ? undefined : chooseOutput(model, request.output)
  const asking = output === undefined ? undefined : askingOf(metrics, model, output)
  if (model.pair !== undefined && asking !== 'answers' && asking !== 'choices') throw noSingleRun(model.name)
  const reads = (kind: 'text' | 'boxes') => metrics.some(({ needs }) => needs.read === kind)
  const data = await openData(request.data, {
    ...dataOptions(request, model),
    textLabels: reads('text'),
    ...present({ boxLabels: reads('boxes') || (metrics.some(({ needs }) => needs.against !== 'reference') ? false : undefined) }),
    ...present({ asking, importModule, start: model.pair?.start }),
  })
  if (data.holds === 'masks') refuseTargets(metrics, request.data)
  const labelled = (batch: Batch) => (reads('text') ? withTextLabel(batch, data.labelName) : batch)
  return { metrics, output, asking, data, labelled }
}

/** How batches of these are run, and what metrics may know of them. */
export async function prepareRuns(
  { metrics, output, asking, data }: MeasuredSubject,
  { model, request, batch }: { readonly model: Session; readonly request: EvaluateRequest; readonly batch: BatchSize },
) {
  const names = (await data.findClasses?.())?.names
  const readers = await readersOf(request.text?.tokenizer, { trusted: request.trusted ?? false }, metrics)
  const context = startContext({ ...request, ...present({ names }) }, readers)
  const writing = asking === 'answers' ? await writingOf(request, context, metrics) : undefined
  return { context, running: { output: output ?? model.outputs[0]!.name, metrics, atOnce: batch, ...present({ writing }) } }
}

function dataOptions(request: EvaluateRequest, model: Session): DataOptions {
  return {
    inputs: model.inputs,
    trusted: request.trusted ?? false,
    models: [request.reference, request.model, request.origin].filter((path) => path !== undefined),
    ...present({ label: request.label, text: request.text }),
    ...present({ group: request.group, slices: request.slices, id: request.id, classes: request.classes }),
    ...present({ mixture: request.mixture }),
    ...present({ image: request.image, workspace: request.workspace, writing: request.writing, examples: request.examples }),
  }
}

/** Images that a model should give are no classes of pixels. */
function refuseTargets(metrics: readonly Metric[], path: string): void {
  const odd = metrics.find(({ needs }) => needs.read === 'values' && needs.against !== 'reference')
  if (odd === undefined) return
  throw new PareError(
    `${basename(path)}: images as labels are masks, the class of each pixel, and ${odd.name} compares numbers.`,
    {
      hint: 'measure iou or dice; or write the images that are expected as arrays into an .npz.',
    },
  )
}

/** Answers that are expected are a column of text; metrics find them where labels are. */
function withTextLabel(batch: Batch, name: string | undefined): Batch {
  if (batch.prompts !== undefined) return { ...batch, label: waysArray(batch.prompts.map(({ expected }) => expected)) }
  const texts = name === undefined || batch.label !== undefined ? undefined : batch.columns?.[name]
  if (texts === undefined) return batch
  return { ...batch, label: textArray(texts.map(String)) }
}

/** The output that is measured. */
export function chooseOutput({ name, outputs }: Session, choice: string | undefined): string {
  const match =
    choice === undefined
      ? (outputs.find((output) => output.name === 'logits') ?? outputs[0])
      : outputs.find((output) => output.name === choice)
  if (match) return match.name
  throw new PareError(`${name}: ${choice === undefined ? 'no output is a tensor' : `no output '${choice}'`}.`, {
    hint: `outputs that can be measured: ${outputs.map((output) => output.name).join(', ') || 'none'}.`,
  })
}
