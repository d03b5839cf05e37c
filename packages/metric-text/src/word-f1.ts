import { defineMetric } from '@pare/metric'
import { squadWords } from './parts/squad-words.js'

export const wordF1 = defineMetric({
  name: 'word-f1',
  formula: 'mean of 2·S ÷ (words + words expected), S the words that both have; case, punctuation and articles aside',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    of: ({ text }) => Math.max(...text!.expected.map((way) => overlap(squadWords(text!.answer), squadWords(way)))),
    combine: 'mean',
  }),
})

function overlap(answer: readonly string[], expected: readonly string[]): number {
  const left = new Map<string, number>()
  for (const word of expected) left.set(word, (left.get(word) ?? 0) + 1)
  let same = 0
  for (const word of answer) {
    const count = left.get(word) ?? 0
    if (count === 0) continue
    left.set(word, count - 1)
    same++
  }
  const total = answer.length + expected.length
  return total === 0 ? 1 : (2 * same) / total
}
