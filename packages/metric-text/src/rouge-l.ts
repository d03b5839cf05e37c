import { defineMetric } from '@pare/metric'
import { longestCommon } from './parts/distance.js'

export const rougeL = defineMetric({
  name: 'rouge-l',
  formula: 'mean of 2·L ÷ (words + words expected), L the longest list of words that both have in order',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    of: ({ text }) => Math.max(...text!.expected.map((way) => overlap(tokensOf(text!.answer), tokensOf(way)))),
    combine: 'mean',
  }),
})

/** As Google's rouge-score: words of letters and digits, in lower case. */
function tokensOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
}

function overlap(answer: readonly string[], expected: readonly string[]): number {
  const total = answer.length + expected.length
  return total === 0 ? 1 : (2 * longestCommon(answer, expected)) / total
}
