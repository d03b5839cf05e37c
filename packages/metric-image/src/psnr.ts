import { defineMetric } from '@pare/metric'
import { IMAGE_OPTIONS, imageNeeds, targetOf } from './parts/against.js'

/** What images count as that are the same. */
const MOST = 100

export const psnr = defineMetric({
  name: 'psnr',
  formula: 'mean over images of 10·log₁₀(range² ÷ mean squared error), at most 100',
  options: IMAGE_OPTIONS,
  create({ range, against }) {
    const needs = imageNeeds(against)
    return {
      better: 'higher',
      bounded: false,
      needs,
      of(sample) {
        const [row] = sample.rows
        const target = targetOf(sample, needs)
        let total = 0
        for (let i = 0; i < row!.length; i++) total += (row![i]! - target[i]!) ** 2
        return Number.isNaN(total) ? total : Math.min(MOST, 10 * Math.log10((range * range * row!.length) / total))
      },
      combine: 'mean',
    }
  },
})
