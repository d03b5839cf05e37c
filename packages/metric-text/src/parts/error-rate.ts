import { defineMetric, z } from '@pare/metric'
import { editDistance } from './distance.js'
import { spoken } from './spoken.js'

/** Edits of all samples ÷ length of all that was expected; of several ways to write it the one that takes fewest edits. */
export function errorRate(
  words: { readonly name: string; readonly formula: string },
  split: (text: string) => readonly string[],
) {
  return defineMetric({
    ...words,
    options: {
      text: z
        .enum(['written', 'spoken'])
        .default('written')
        .describe('spoken: case, punctuation and what stands in brackets aside, as transcripts of speech are compared'),
    },
    create: ({ text: kind }) => ({
      better: 'lower',
      bounded: false,
      needs: { read: 'text' },
      of({ text }) {
        const read = (one: string) => split(kind === 'spoken' ? spoken(one) : one)
        const answer = read(text!.answer)
        const ways = text!.expected.map(read)
        const [best] = ways.map((way) => [editDistance(answer, way), way.length]).sort(([a], [b]) => a! - b!)
        return best
      },
      combine: 'mean',
    }),
  })
}
