import { defineMetric, z } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { squadWords } from './parts/squad-words.js'

export const exactMatch = defineMetric({
  name: 'exact-match',
  formula: 'share of samples whose text is what is expected, spaces around it aside',
  options: {
    by: z
      .enum(['text', 'words', 'number'])
      .default('text')
      .describe('words: case, punctuation and articles aside; number: the last number of an answer'),
  },
  create: ({ by }) => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    of({ text }) {
      const read = READ[by]
      const answer = read(text!.answer)
      return Number(text!.expected.some((way) => expectedBy(by, way, read(way)) === answer))
    },
    combine: 'proportion',
  }),
})

const READ: Readonly<Record<'text' | 'words' | 'number', (text: string) => string>> = {
  text: (text) => text.trim(),
  /** Case, punctuation and articles aside. */
  words: (text) => squadWords(text).join(' '),
  /** The last number, as of a solution that is worked out step by step. Empty where there is none. */
  number: (text) => {
    const last = text.match(/-?\d[\d,]*(\.\d+)?|-?\.\d+/g)?.at(-1)
    return last === undefined ? '' : String(Number(last.replaceAll(',', '')))
  },
}

function expectedBy(by: keyof typeof READ, way: string, read: string): string {
  if (by !== 'number' || read !== '') return read
  throw new PareError(`metric 'exact-match:by=number': the expected answer ${JSON.stringify(way)} holds no number.`, {
    hint: 'leave the row out, or compare by=words.',
  })
}
