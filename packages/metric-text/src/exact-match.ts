import { choiceOption, type Metric, type MetricOptions } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { squadWords } from './parts/squad-words.js'

export function exactMatch(options: MetricOptions = {}): Metric {
  const by = choiceOption(options, 'by', ['text', 'words', 'number'])
  const read = READ[by]
  return {
    name: 'exact-match',
    formula: 'share of samples whose text is what is expected, spaces around it aside',
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    of({ text }) {
      const answer = read(text!.answer)
      return Number(text!.expected.some((way) => expectedBy(by, way, read(way)) === answer))
    },
    combine: 'proportion',
  }
}

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
