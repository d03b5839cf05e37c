import { defineMetric } from '@pare/metric'
import { editDistance } from './distance.js'

/** Edits of all samples ÷ length of all that was expected; of several ways to write it the one that takes fewest edits. */
export function errorRate(
  words: { readonly name: string; readonly formula: string },
  split: (text: string) => readonly string[],
) {
  return defineMetric({
    ...words,
    create: () => ({
      better: 'lower',
      bounded: false,
      needs: { read: 'text' },
      of({ text }) {
        const answer = split(text!.answer)
        const ways = text!.expected.map((way) => split(way))
        const [best] = ways.map((way) => [editDistance(answer, way), way.length]).sort(([a], [b]) => a! - b!)
        return best
      },
      combine: 'mean',
    }),
  })
}
