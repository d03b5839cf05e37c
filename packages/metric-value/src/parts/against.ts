import {
  choiceOption,
  type MetricNeeds,
  type MetricOptions,
  type MetricSample,
  type Numbers,
  nameOption,
  type Pooling,
} from '@pare/metric'
import { PareError } from '@pare/onnx'

/** `against`: the labels, or what a reference model puts out. */
export function againstOption(options: MetricOptions): MetricNeeds {
  const against = choiceOption(options, 'against', ['label', 'reference'])
  return { read: 'values', against: against === 'label' ? 'values' : 'reference' }
}

/**
 * `against`; and `with`, the output of a second tower, or `pairs`, for two texts that one model encodes. The cosine between the two is then what is compared
 * with the label.
 */
export function valueNeeds(options: MetricOptions): MetricNeeds {
  const needs = againstOption(options)
  const pairs = pairsOption(options)
  const other = nameOption(options, 'with')
  const said = [...(other === undefined ? [] : [`with=${other}`]), ...(pairs === undefined ? [] : [`pairs=${pairs}`])]
  if (said.length > 1 || (said.length > 0 && needs.against !== 'values')) {
    throw new PareError(
      said.length > 1
        ? `${said.join(' and ')} both say what the cosine is taken of.`
        : `${said[0]} compares with labels, and against is ${needs.against}.`,
      { hint: 'leave one of the two out.' },
    )
  }
  return { ...needs, ...(other !== undefined && { with: other }), ...(pairs !== undefined && { pairs }) }
}

/** `pairs`: how a vector is made of what the model gives for each of two texts. Undefined: a sample is one thing. */
function pairsOption(options: MetricOptions): Pooling | undefined {
  if (options.pairs === undefined) return undefined
  return choiceOption<Pooling>(options, 'pairs', ['mean', 'cls', 'max', 'last', 'output'])
}

/** Of two texts: the second is what the first is compared with. */
export function pairNeeds(options: MetricOptions): MetricNeeds | undefined {
  const pairs = pairsOption(options)
  return pairs === undefined ? undefined : { read: 'values', against: 'pair', pairs }
}

/** What the values of the sample are compared with. */
export function targetOf({ label, reference }: MetricSample, needs: MetricNeeds): Numbers {
  return needs.against === 'reference' ? reference[0]! : label
}
