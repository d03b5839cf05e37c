import { choiceOption, type MetricNeeds, type MetricOptions, type MetricSample, type Numbers } from '@pare/metric'

/** `against`: the labels, or what a reference model puts out. */
export function againstOption(options: MetricOptions): MetricNeeds {
  const against = choiceOption(options, 'against', ['label', 'reference'])
  return { read: 'values', against: against === 'label' ? 'values' : 'reference' }
}

/** What the values of the sample are compared with. */
export function targetOf({ label, reference }: MetricSample, needs: MetricNeeds): Numbers {
  return needs.against === 'reference' ? reference[0]! : label
}
