import { PareError, present } from '@pare/onnx'
import type { Row } from '../tables/table.js'
import type { TextOptions } from '../text/text-options.js'
import type { OpenTokenizer } from '../text/tokenizer.js'
import { ENCODED, firstText, pairColumns } from './pair-columns.js'
import type { AskedEntry } from './question.js'

interface PairEncoding {
  readonly opened: OpenTokenizer
  /** Tokens that the model is given at most. */
  readonly length: number
  /** The column that says how alike they are. */
  readonly label?: string
  readonly text: Pick<TextOptions, 'prompts' | 'lowerCase'>
}

/** Reads rows as two texts, as the first row is; of a list of texts the first. Of a text that is too long the end is left out; what the tokenizer puts behind a text stays behind it. */
export function pairEntries(head: Row, { opened, length, label, text: { prompts = {}, lowerCase = false } }: PairEncoding) {
  const columns = pairColumns({
    text: (name) => firstText(head.values[name]) !== undefined,
    value: (name) => head.values[name] !== undefined,
  })
  if (columns === undefined) {
    throw new PareError(`${head.where}: no two texts in ${namesOf(head)}.`, {
      hint: `expected one of ${ENCODED.map((pair) => pair.join(' and ')).join('; ')}.`,
    })
  }
  const { texts: fields } = columns
  const score = label ?? columns.score
  const encoder = textEncoder(opened, length)
  const promptOf = (name: string) => (Object.hasOwn(prompts, name) ? prompts[name] : prompts['']) ?? ''
  return {
    entries: async (row: Row): Promise<readonly AskedEntry[]> => {
      const texts = fields.map((name) => textIn(row, name))
      const read = (text: string, i: number) => {
        const whole = `${promptOf(fields[i]!)}${text}`
        return encoder(lowerCase ? whole.toLowerCase() : whole, row.where)
      }
      const [first, second] = texts.map(read) as [Encoded, Encoded]
      const asked = {
        pair: [first.ids, second.ids] as const,
        ...present({ label: score === undefined ? undefined : scoreIn(row, score) }),
      }
      const most = Math.max(first.ids.length, second.ids.length)
      return [{ text: texts.join('\n'), asked, length: most, isShortened: first.isCut || second.isCut }]
    },
  }
}

interface Encoded {
  readonly ids: readonly number[]
  readonly isCut: boolean
}

function textEncoder({ tokenizer }: OpenTokenizer, length: number): (text: string, where: string) => Encoded {
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: true }).ids
  const ends = commonEnd(encode('a'), encode('b'))
  return (text, where) => {
    const ids = encode(text)
    if (ids.length === 0)
      throw new PareError(`${where}: the tokenizer makes no token of the text.`, { hint: 'leave empty rows out.' })
    if (ids.length <= length) return { ids, isCut: false }
    const end = ids.slice(ids.length - Math.min(ends, length - 1))
    return { ids: [...ids.slice(0, length - end.length), ...end], isCut: true }
  }
}

/** How many tokens stand behind every text: those that two texts have in common at their ends. */
function commonEnd(one: readonly number[], other: readonly number[]): number {
  let count = 0
  while (count < Math.min(one.length, other.length) - 1 && one.at(-1 - count) === other.at(-1 - count)) count++
  return count
}

function textIn(row: Row, name: string): string {
  const text = firstText(row.values[name])
  if (text !== undefined) return text
  throw new PareError(`${row.where}: no text '${name}', and the rows before have one.`, { hint: 'give each row both texts.' })
}

function scoreIn(row: Row, name: string): number {
  const value = row.values[name]
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  if (value !== null && value !== undefined && Number.isFinite(number)) return number
  throw new PareError(
    `${row.where}: '${name}' is ${JSON.stringify(value) ?? 'missing'}, expected a number: how alike both texts are.`,
    {
      hint: 'name the column with --label, or leave the row out.',
    },
  )
}

const namesOf = ({ values }: Row) =>
  Object.keys(values)
    .map((name) => `'${name}'`)
    .join(', ') || 'an empty row'
