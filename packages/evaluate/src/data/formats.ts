import { extname } from 'node:path'
import type { ArrayFile } from './array-file.js'
import type { NdArray } from './ndarray.js'

type Parse = (file: ArrayFile) => Promise<Map<string, NdArray>>

/** Files of arrays by extension, with what gives their arrays by name. A new format is an entry here and its parser. */
export const ARRAY_FORMATS: Readonly<Record<string, Parse>> = {
  '.npz': async ({ bytes, name, maxBytes }) => (await import('./npz.js')).parseNpz(bytes, name, maxBytes),
  '.npy': async (file) => (await import('./npy.js')).parseOnlyInput(file),
  '.csv': async ({ bytes, name, inputs, label }) =>
    (await import('./csv.js')).parseCsv(bytes.toString('utf8'), name, { inputs, label }),
}

/** Lines of samples: arrays, or text where there is a tokenizer. */
export const LINES = '.jsonl'

/** Files of text alone. Where there is a tokenizer, whatever else is UTF-8 is text too. */
export const TEXT_FORMATS = ['.txt', '.md'] as const

/** Data that are run: modules that export samples. */
const MODULE = /\.[cm]?[jt]s$/

export function isModule(path: string): boolean {
  return MODULE.test(path)
}

/** Whether a file of this name is read as text where there is a tokenizer: not one of arrays, and no module. */
export function mayBeText(path: string): boolean {
  return !Object.hasOwn(ARRAY_FORMATS, extname(path).toLowerCase()) && !isModule(path)
}

/** Formats that are read and not run. */
const STILL = [...Object.keys(ARRAY_FORMATS), LINES]

/** What data may be, as help and messages say it: '.npz, …, .txt or a module'. */
export const DATA_FORMATS = `${[...STILL, TEXT_FORMATS[0]].join(', ')} or a module`

/** What to do about data that would be run where that is not trusted. */
export const UNTRUSTED_HINT = `write it as ${STILL.slice(0, -1).join(', ')} or ${STILL.at(-1)}`
