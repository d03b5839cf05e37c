import { countOption, type Metric, type MetricOptions } from '@pare/metric'

/** Share of samples whose best class is at most so many from the label: option `by`, default 1. Put your metric here. */
export function myPlugin(options: MetricOptions = {}): Metric {
  const by = countOption(options, 'by', 1)
  return {
    name: 'my-plugin',
    formula: 'share of samples whose best class is at most `by` from the label',
    better: 'higher',
    // Between 0 and 1.
    bounded: true,
    // How it wants to see a sample: one class, and the label.
    needs: { read: 'answers', against: 'class', single: true },
    of: ({ answers, label }) => (Number.isNaN(answers[0]) ? Number.NaN : Number(Math.abs(answers[0]! - label[0]!) <= by)),
    combine: 'proportion',
  }
}

export default myPlugin
