import { choiceOption, type MetricNeeds, type MetricOptions, type MetricSample, type Numbers, nameOption } from '@pare/metric'
import { PareError } from '@pare/onnx'

/** `against`: the labels, or what a reference model puts out. */
export function againstOption(options: MetricOptions): MetricNeeds {
  const against = choiceOption(options, 'against', ['label', 'reference'])
  return { read: 'values', against: against === 'label' ? 'values' : 'reference' }
}

/** `against`, and `with`: the output of a second tower. The cosine between the two is then what is compared with the label. */
export function valueNeeds(options: MetricOptions): MetricNeeds {
  const needs = againstOption(options)
  const other = nameOption(options, 'with')
  if (other === undefined) return needs
  if (needs.against === 'values') return { ...needs, with: other }
  throw new PareError(`with=${other} compares with labels, and against is ${needs.against}.`, {
    hint: 'leave one of the two out.',
  })
}

/** What the values of the sample are compared with. */
export function targetOf({ label, reference }: MetricSample, needs: MetricNeeds): Numbers {
  return needs.against === 'reference' ? reference[0]! : label
}
