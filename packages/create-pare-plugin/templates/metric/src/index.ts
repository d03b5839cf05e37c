import { defineMetric, z } from '@pare/metric'

/** Share of samples whose best class is at most so many from the label. Put your metric here. */
export const myPlugin = defineMetric({
  name: 'my-plugin',
  formula: 'share of samples whose best class is at most `by` from the label',
  options: { by: z.int().min(1).default(1).describe('how far the best class may be from the label') },
  create: ({ by }) => ({
    better: 'higher',
    // Between 0 and 1.
    bounded: true,
    // How it wants to see a sample: one class, and the label.
    needs: { read: 'answers', against: 'class', single: true },
    of: ({ answers, label }) => (Number.isNaN(answers[0]) ? Number.NaN : Number(Math.abs(answers[0]! - label[0]!) <= by)),
    combine: 'proportion',
  }),
})

export default myPlugin
