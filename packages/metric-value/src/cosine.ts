import { defineMetric } from '@pare/metric'
import { againstNeeds, PAIR_OPTIONS, pairNeeds, targetOf } from './parts/against.js'

export const cosine = defineMetric({
  name: 'cosine',
  formula:
    'mean of (output · label) ÷ (|output| · |label|); of two texts (pairs=mean) the vector of the second takes the place of the label',
  options: PAIR_OPTIONS,
  create({ against, pairs }) {
    const needs = pairs === undefined ? againstNeeds(against) : pairNeeds(pairs)
    return {
      better: 'higher',
      bounded: false,
      needs,
      of(sample) {
        const [row] = sample.rows
        const target = targetOf(sample, needs)
        let [product, own, other] = [0, 0, 0]
        for (let i = 0; i < row!.length; i++) {
          product += row![i]! * target[i]!
          own += row![i]! ** 2
          other += target[i]! ** 2
        }
        // A vector of zeros points nowhere: it is like no other.
        return own === 0 || other === 0 ? Number(own === other) : product / Math.sqrt(own * other)
      },
      combine: 'mean',
    }
  },
})
