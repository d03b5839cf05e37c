import type { Metric } from '@pare/metric'
import { PareError } from '@pare/onnx'
import type { Asking } from '../data/questions/question.js'

/** What metrics ask a model, beyond what it gives for its inputs. Undefined: nothing. Throws PareError where some ask, and others do not. */
export function askingOf(metrics: readonly Metric[]): Asking | undefined {
  const asking = metrics.filter(({ needs }) => needs.read === 'choices')
  const other = metrics.find((metric) => !asking.includes(metric))
  if (asking.length === 0) return undefined
  if (other === undefined) return 'choices'
  throw new PareError(
    `evaluation: metrics '${asking[0]!.name}' and '${other.name}' do not go together: the first puts questions to the model, the other reads what it gives for each sample.`,
    { hint: 'measure them in two evaluations.' },
  )
}
