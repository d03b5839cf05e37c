import { defineMetric, meanTarget, medianTarget } from '@pare/metric'
import { targetOf, VALUE_OPTIONS, valueNeeds } from './against.js'

/** A mean over samples of the mean over their values of a loss of the difference. */
export function meanLoss(
  { middle, ...words }: { readonly name: string; readonly formula: string; readonly middle: 'mean' | 'median' },
  loss: (difference: number) => number,
) {
  return defineMetric({
    ...words,
    options: VALUE_OPTIONS,
    create(options) {
      const needs = valueNeeds(options)
      const ofLabels = needs.against === 'values'
      return {
        ...{ needs, better: 'lower', bounded: false, combine: 'mean' },
        of(sample) {
          const [row] = sample.rows
          const target = targetOf(sample, needs)
          let total = 0
          for (let i = 0; i < row!.length; i++) total += loss(row![i]! - target[i]!)
          return total / row!.length
        },
        ...(ofLabels && { blind: middle === 'mean' ? meanTarget : medianTarget }),
      }
    },
  })
}
