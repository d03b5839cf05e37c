import { basename, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PareError } from '@pare/onnx'
import { arrayDataSet, type DataSet, sampleDataSet } from './dataset.js'
import { checkFile, readWhole } from './file.js'
import { canFill, tokenInput } from './fill.js'
import { ARRAY_FORMATS, isModule, LINES, mayBeText, TEXT_FORMATS, UNTRUSTED_HINT } from './formats.js'
import { parseJsonLines } from './jsonl.js'
import { type MatchOptions, matchArrays } from './match.js'
import type { ModelValue } from './model-value.js'
import type { NdArray } from './ndarray.js'
import { type Sample, stackSamples } from './sample.js'
import { readText, type TextOptions } from './text.js'

export interface DataOptions extends MatchOptions {
  /** The inputs of the model the data are for: name, type and shape. */
  readonly inputs: readonly ModelValue[]
  /** Whether a module may be run. Where it may not, naming one throws UntrustedError. */
  readonly trusted: boolean
  /** How text becomes token ids, where the file holds text; see `mayBeText` in formats.ts. Without it text is refused. */
  readonly text?: TextOptions
  /** Imports a module by its absolute path; a loader for TypeScript goes here. Default: import(). */
  readonly importModule?: (path: string) => Promise<unknown>
  /** Bytes a file may have, packed or unpacked. Default: 2 GiB. */
  readonly maxBytes?: number
}

/** Something executable was asked for where the input is not trusted. The command line makes it exit code 4. */
export class UntrustedError extends PareError {
  readonly kind = 'untrusted'
}

const MAX_BYTES = 2 ** 31 - 1
/** Written in letters, and no prose. */
const UNREAD = ['.json', '.tsv']

/**
 * Opens evaluation, calibration or training data for a model.
 * 1. `.npz`: arrays [samples, …] by name. 2. `.npy`: the array of a model's only input. 3. `.csv`: columns, see `parseCsv`.
 * 4. `.jsonl`: a Sample each line. 5. With `text`, `.txt`, `.md` and any other file in UTF-8, or `.jsonl` with words: documents for a language model, see `readText`.
 * 6. `.js`, `.mjs`, `.ts`: a module whose default export is an iterable of Samples, or a function that returns one.
 * Throws PareError with everything that does not fit, UntrustedError for a module that may not be run.
 */
export async function openData(path: string, options: DataOptions): Promise<DataSet> {
  const name = basename(path)
  if (isModule(path)) return openModule(path, options)
  const arrays = await readArrays(path, options)
  const scored = arrays.get('scored')
  if (!options.text || !scored || !mayBeText(path)) return arrayDataSet(matchArrays(arrays, name, options))
  const names = new Set(options.inputs.map((input) => input.name))
  const fitting = [...arrays].filter(([key]) => key !== 'scored' && (key !== 'attention_mask' || names.has(key)))
  return arrayDataSet({ ...matchArrays(new Map(fitting), name, options), scored })
}

async function readArrays(path: string, options: DataOptions): Promise<Map<string, NdArray>> {
  const { inputs, maxBytes = MAX_BYTES, label = 'label', text } = options
  const name = basename(path)
  const extension = extname(path).toLowerCase()
  const parse = Object.hasOwn(ARRAY_FORMATS, extension) ? ARRAY_FORMATS[extension] : undefined
  if (parse === undefined && (UNREAD.includes(extension) || !(text || isText(extension)))) throw unread(path)
  const bytes = await readWhole(path, maxBytes)
  if (parse !== undefined) return parse({ bytes, name, inputs: inputs.filter((input) => !canFill(input)), label, maxBytes })
  const content = decodeText(bytes, path)
  if (extension === LINES && !holdsText(content, name, options)) {
    const samples = [...parseJsonLines(content, name)].map(({ value }) => value as Sample)
    if (samples.some((sample) => typeof sample.text === 'string')) throw noTokenizer(name)
    return stackSamples(samples, name)
  }
  if (!text) throw noTokenizer(name)
  return readText(content, name, { ...text, ...textTarget(inputs, name), label })
}

/** Lines of samples hold numbers alone; a line with words is a document. */
function holdsText(content: string, name: string, { text, label = 'label' }: DataOptions): boolean {
  if (text === undefined || text.field !== undefined) return text !== undefined
  const [first] = parseJsonLines(content, name)
  return Object.entries(first?.value ?? {}).some(([key, value]) => key !== label && typeof value === 'string')
}

/** Prose in another encoding, or no prose at all, would become tokens without a word about it. */
function decodeText(bytes: Buffer, path: string): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {}
  if (!isText(extname(path).toLowerCase())) throw unread(path)
  throw new PareError(`${path}: not text in UTF-8.`, {
    hint: `convert it first, for example: iconv -f latin1 -t utf-8 ${basename(path)}`,
  })
}

/** Whether files with this extension are text, or may hold it. */
function isText(extension: string): boolean {
  return extension === LINES || TEXT_FORMATS.some((each) => each === extension)
}

function unread(path: string): PareError {
  return new PareError(`${path}: data of kind '${extname(path)}' are not read.`, {
    hint: `expected arrays (${Object.keys(ARRAY_FORMATS).join(', ')}, ${LINES}), text with a tokenizer (${[...TEXT_FORMATS, LINES].join(', ')}), or a module (.js, .mjs, .ts).`,
  })
}

async function openModule(path: string, options: DataOptions): Promise<DataSet> {
  const name = basename(path)
  if (!options.trusted) {
    throw new UntrustedError(`${path}: a data module is not run on untrusted input.`, {
      hint: `${UNTRUSTED_HINT}, or run where the code is trusted.`,
    })
  }
  await checkFile(path)
  const load = options.importModule ?? ((file) => import(pathToFileURL(file).href) as Promise<unknown>)
  const module = (await load(resolve(path)).catch((cause: Error) => {
    throw new PareError(`${path}: the module does not load (${cause.message}).`, {
      hint: 'run it with node to see where it fails.',
      cause,
    })
  })) as { default?: unknown }
  const source = defaultOf(module)
  const samples = async function* (): AsyncGenerator<Sample> {
    const iterable: unknown = typeof source === 'function' ? await source() : source
    if (!isIterable(iterable)) {
      throw new PareError(
        `${path}: its default export is ${iterable === undefined ? 'missing' : `of type ${typeof iterable}`}, expected samples.`,
        {
          hint: 'export default an (async) iterable of { input: [0.1, 0.2], label: 3 }, or a function that returns one.',
        },
      )
    }
    yield* iterable
  }
  return sampleDataSet(samples, name, options)
}

/** The default export. Loaders of TypeScript may give a CommonJS module, whose own default lies one deeper. */
function defaultOf({ default: outer }: { default?: unknown }): unknown {
  return typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer
}

function isIterable(value: unknown): value is AsyncIterable<Sample> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

function textTarget(inputs: readonly ModelValue[], name: string): { input: string; fixedLength?: number } {
  const input = tokenInput(inputs)
  const seq = inputs.find((one) => one.name === input)?.shape[1]
  if (input === undefined) {
    throw new PareError(
      `${name}: text for a model without an input for token ids; it has ${inputs.map((one) => `'${one.name}'`).join(', ')}.`,
      {
        hint: 'text needs a model with an integer input [batch, sequence], input_ids for example.',
      },
    )
  }
  return { input, ...(typeof seq === 'number' && { fixedLength: seq }) }
}

function noTokenizer(name: string): PareError {
  return new PareError(`${name}: text, but no tokenizer is named.`, { hint: 'name a tokenizer.json with the tokenizer option.' })
}
