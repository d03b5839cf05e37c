import { PareError } from '@pare/onnx'
import { canFill } from '../fill.js'
import type { ModelValue } from '../model-value.js'
import { describe, isStrings, type NdArray } from '../ndarray.js'
import { fileReader } from '../rows/files.js'
import type { RowOptions } from '../rows/row-options.js'
import { takesSound } from '../sounds/sound.js'
import type { Row, Table } from '../tables/table.js'
import type { AskedEntry } from './question.js'

/** Columns of what is said in a sound, as data sets of speech call them. */
export const TRANSCRIPTS: readonly string[] = [
  'transcription',
  'transcript',
  'sentence',
  'text',
  'normalized_text',
  'answers',
  'answer',
  'label',
]

/** The input of an encoder that reads sounds; undefined where it reads none. */
export function soundInput(inputs: readonly ModelValue[]): ModelValue | undefined {
  const [own, other] = inputs.filter((input) => !canFill(input))
  return own !== undefined && other === undefined && takesSound(own) ? own : undefined
}

/** Reads rows as sounds, each with what is said in it. Throws PareError where the first row has none of both. */
export async function soundEntries(table: Table, head: Row, { input, ...options }: RowOptions & { readonly input: ModelValue }) {
  const label = options.label ?? TRANSCRIPTS.find((name) => head.values[name] !== undefined)
  const shown = Object.keys(head.values).join(', ') || 'nothing'
  const file = await fileReader(table, { first: head, input, options, label: label ?? '' })
  if (file === undefined) {
    throw new PareError(
      `${table.name}: ${options.inputs.map(({ name }) => name).join(', ')} of the encoder takes sounds, and the rows have none; found ${shown}.`,
      {
        hint: 'expected a column of paths to WAV files (file_name), or of their bytes (audio), beside one of texts (transcription).',
      },
    )
  }
  if (label === undefined) {
    throw new PareError(`${table.name}: nothing says what the sounds say; found ${shown}.`, {
      hint: `expected a column ${TRANSCRIPTS.slice(0, 4).join(', ')}, or name one: --label.`,
    })
  }
  return {
    notes: file.notes,
    entries: async (row: Row): Promise<readonly AskedEntry[]> => {
      const expected = [row.values[label]].flat()
      if (!expected.every((each) => typeof each === 'string') || expected.length === 0) {
        throw new PareError(`${row.where}: '${label}' is no text.`, {
          hint: 'expected what is said in the sound; leave the row out.',
        })
      }
      const { array, lostSeconds = 0 } = await file.read(row)
      if (lostSeconds > 0) {
        throw new PareError(
          `${row.where}: the sound is ${lostSeconds.toFixed(1)} seconds longer than the model hears at once, and its text is that of all of it.`,
          { hint: 'cut recordings where somebody pauses, or leave the row out.' },
        )
      }
      const sound = checked(array as NdArray, input, row.where)
      const length = sound.data.length
      const text = typeof row.values[file.column] === 'string' ? String(row.values[file.column]) : row.where
      return [{ text, asked: { prompt: { ids: [], sound, expected } }, length, isShortened: false }]
    },
  }
}

/** Throws PareError where an axis is another than that of the model. */
function checked(array: NdArray, input: ModelValue, where: string): NdArray {
  const axes = input.shape.slice(1)
  const fits =
    !isStrings(array) &&
    array.shape.length === axes.length &&
    axes.every((side, i) => typeof side !== 'number' || side === array.shape[i])
  if (fits) return array
  throw new PareError(
    `${where}: the sound becomes ${describe(array.type, array.shape)}, and input '${input.name}' is ${describe(input.type, input.shape)}.`,
    {
      hint: 'take the preprocessor_config.json of this model.',
    },
  )
}
