import { type ColumnGlance, labelNameOf } from '@pare/evaluate'
import { present } from '@pare/onnx'
import type { EvaluateConfig } from '../options/data.js'
import { type BoundColumns, boundOf } from './columns.js'
import { type MetricChoice, metricsFor } from './metric-choice.js'
import type { Pairing } from './pairing.js'
import type { Signature } from './signature.js'

/** What a config says of how a model is measured, and why. */
export interface Proposal {
  readonly evaluate: EvaluateConfig
  /** The metrics that fit, the likeliest first. */
  readonly metrics: readonly MetricChoice[]
  /** What is not sure: lines for people. */
  readonly doubts: readonly string[]
}

/** How to measure the model by the data. */
export function propose(pairing: Pairing): Proposal {
  const { signature, glance, data, tokenizer } = pairing
  const bound = boundOf(signature, glance)
  const { label } = bound
  const choice = metricsFor(pairing, label)
  const isText = bound.isText && tokenizer !== undefined
  const named = labelNameOf(
    glance.columns.map(({ name }) => name),
    { inputs: signature.inputs },
  )
  const isPaired = choice.metrics[0]?.name.includes(':pairs=') === true
  const isUsual = (name: string) => name === (isPaired ? glance.pair?.score : named)
  const classes = classesOf(pairing, label, choice.output?.type === 'string')
  const [metric] = choice.metrics
  return {
    evaluate: {
      data,
      ...(metric !== undefined && { metric: metric.name }),
      ...present({
        label: label !== undefined && !isUsual(label.name) && glance.kind !== 'files' ? label.name : undefined,
        output: choice.output !== undefined && choice.output.name !== usualOutput(signature) ? choice.output.name : undefined,
        classes: classes?.names,
        tokenizer: isText ? tokenizer : undefined,
        field: isText ? bound.field : undefined,
        ...bound.columns,
      }),
    },
    metrics: choice.metrics,
    doubts: [...bound.doubts, ...(classes?.doubts ?? []), ...choice.doubts, ...textDoubts(bound, tokenizer)],
  }
}

function usualOutput({ outputs, firstOutput }: Signature): string {
  return outputs.some(({ name }) => name === 'logits') ? 'logits' : firstOutput
}

/** Names of classes that nobody says are taken in the order of the alphabet, which is how scikit-learn and torchvision number them. */
function classesOf(
  { glance, id2label, signature }: Pairing,
  label: ColumnGlance | undefined,
  isWritten: boolean,
): { readonly names: string[]; readonly doubts: readonly string[] } | undefined {
  if (id2label !== undefined || signature.namesClasses) return undefined
  const isNamed = label?.kind === 'names' && !isWritten && glance.kind !== 'files'
  const names = [...(glance.boxClasses ?? (isNamed ? [...new Set(label.values.map(String))].sort() : []))]
  if (names.length < 2) return undefined
  return {
    names,
    doubts: [
      `classes: in the order of their names, as scikit-learn and torchvision number them. Correct it where the model has another order.`,
    ],
  }
}

function textDoubts({ isText }: BoundColumns, tokenizer: string | undefined): readonly string[] {
  return isText && tokenizer === undefined
    ? ["tokenizer: the data are text, and there is no tokenizer.json beside model or data: tokenizer: 'tokenizer.json'"]
    : []
}
