import type { Metric } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { tokenInput } from '../../data/fill.js'
import type { Asking } from '../../data/questions/question.js'
import type { Session } from '../../process/runtime.js'

/**
 * What metrics ask a model, beyond what it gives for its inputs. Undefined: nothing. A model whose output is scores of tokens is asked to write where a metric reads text. Throws PareError
 * where some metrics ask, and others do not.
 */
export function askingOf(
  metrics: readonly Metric[],
  model: Pick<Session, 'inputs' | 'outputs' | 'pair'>,
  output: string,
): Asking | undefined {
  const writes = isWriter(model, output)
  const askedBy = ({ needs }: Metric): Asking | undefined =>
    needs.read === 'choices'
      ? 'choices'
      : needs.pairs !== undefined
        ? 'pairs'
        : needs.read === 'text' && writes
          ? 'answers'
          : undefined
  const [first] = metrics
  const asking = first && askedBy(first)
  const other = metrics.find((metric) => askedBy(metric) !== asking)
  if (other === undefined) return asking
  throw new PareError(
    `evaluation: metrics '${first!.name}' and '${other.name}' do not go together: the one ${WORDS[asking ?? 'none']}, the other ${WORDS[askedBy(other) ?? 'none']}.`,
    {
      hint: "measure them in two evaluations: a config names the second in evaluations: [{ data: 'questions.jsonl', metric: 'choice-accuracy' }].",
    },
  )
}

const WORDS = {
  choices: 'asks the model which of several texts is likeliest',
  answers: 'has the model write answers',
  pairs: 'has the model encode two texts of a row',
  none: 'reads what the model gives for each sample',
} as const

/** Whether a model takes tokens, its decoder where it has an encoder, and gives scores of tokens. */
function isWriter({ inputs: own, outputs, pair }: Pick<Session, 'inputs' | 'outputs' | 'pair'>, output: string): boolean {
  const inputs = pair?.decoder.inputs ?? own
  const scores = outputs.find(({ name }) => name === output)
  return tokenInput(inputs) !== undefined && scores !== undefined && scores.shape.length === 3 && /^b?float/.test(scores.type)
}
