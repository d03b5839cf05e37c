import { stat } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PareError, present } from '@pare/onnx'
import { arrayDataSet, type DataSet } from './dataset.js'
import { entryDataSet, matchNumbered } from './entries.js'
import { checkFile, readWhole } from './file.js'
import { canFill } from './fill.js'
import { ARRAY_FORMATS, isModule, TABLE_FORMATS, TEXT_FORMATS, UNTRUSTED_HINT } from './formats.js'
import type { ImageOptions } from './images/image-options.js'
import { joinBoxes } from './labels/box-labels.js'
import { besideFile, classFinder } from './labels/classes.js'
import type { FindClasses } from './labels/labels.js'
import type { MatchOptions } from './match.js'
import type { ModelValue } from './model-value.js'
import { askedDataSet } from './questions/asked-data-set.js'
import type { Asking, WritingOptions } from './questions/question.js'
import { UntrustedError } from './rows/inside.js'
import { type MixedFile, mixedDataSet } from './rows/mixed.js'
import { type RowOptions, rowSource } from './rows/rows.js'
import { arraysOf, type Sample } from './rows/sample.js'
import type { Table } from './tables/table.js'
import type { TextOptions } from './text/text-options.js'

export { UntrustedError } from './rows/inside.js'

export interface DataOptions extends MatchOptions {
  /** The inputs of the model the data are for: name, type and shape. */
  readonly inputs: readonly ModelValue[]
  /** Whether a module may be run, and files outside be named. Where it may not, naming one throws UntrustedError. */
  readonly trusted: boolean
  /** The folder in which all files must lie that data name which are not trusted. Default: that of the data */
  readonly workspace?: string
  /** Models beside which config.json and preprocessor_config.json may lie, the likeliest first. Default: none */
  readonly models?: readonly string[]
  /** Names of classes in the order of their numbers, for labels that are names. Default: those of config.json, else those that the model names */
  readonly classes?: readonly string[]
  /** How images become numbers. Default: as preprocessor_config.json says */
  readonly image?: ImageOptions
  /** How text becomes token ids, where the file holds text; see `mayBeText` in formats.ts. Without it text is refused. */
  readonly text?: TextOptions
  /** Reads rows as what a language model is asked, with a tokenizer. Default: as what a model is fed */
  readonly asking?: Asking
  /** How long answers may become, for which prompts leave room. */
  readonly writing?: WritingOptions
  /** Files of which samples are mixed: the data are then the first of them. Default: the data alone */
  readonly mixture?: readonly MixedFile[]
  /** Imports a module by its absolute path; a loader for TypeScript goes here. Default: import(). */
  readonly importModule?: (path: string) => Promise<unknown>
  /** Bytes that a file of arrays or of plain text may have, packed or unpacked. Default: 2 GiB. */
  readonly maxBytes?: number
  /** Bytes of a table that is read at once; a larger one is streamed. Default: 64 MiB */
  readonly smallBytes?: number
}

const MAX_BYTES = 2 ** 31 - 1
/** Written in letters, and no prose. */
const UNREAD = ['.json', '.xml', '.yaml', '.yml', '.html', '.svg']

/**
 * Opens evaluation, calibration or training data for a model.
 * 1. `.npz`: arrays [samples, …] by name. 2. `.npy`: the array of a model's only input. 3. Tables (`.csv`, `.tsv`, `.jsonl`, `.parquet`, `.arrow`): a sample each row, of
 * numbers, of images and sounds that it holds or names, or of text. 4. A folder: one folder of images or sounds for each class, a list in metadata.csv, or tables.
 * 5. With `text`, `.txt`, `.md` and any other file in UTF-8: a document for a language model.
 * 6. `.js`, `.mjs`, `.ts`: a module whose default export is an iterable of Samples, or a function that returns one.
 * 7. With `mixture`, samples of several of these.
 * Throws PareError with everything that does not fit, UntrustedError for a module that may not be run and for a file that may not be named.
 */
export async function openData(path: string, options: DataOptions): Promise<DataSet> {
  const { mixture, ...single } = options
  if (mixture !== undefined) return mixedDataSet(mixture, { inputs: options.inputs, open: (file) => openData(file, single) })
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false
  const { asking } = options
  if (asking !== undefined) return openQuestions(path, { ...options, asking, isFolder })
  if (isModule(path)) return openModule(path, options)
  const { trusted, models = [], classes } = options
  const folder = isFolder ? path : dirname(path)
  const boundary = { trusted, root: options.workspace ?? folder }
  const folders = [...new Set([...models.map((model) => dirname(model)), folder])]
  const findClasses = classFinder({ models, folders, boundary, ...present({ classes }) })
  const extension = extname(path).toLowerCase()
  if (!isFolder && Object.hasOwn(ARRAY_FORMATS, extension))
    return { ...(await openArrays(path, { ...options, findClasses })), findClasses }
  const table = isFolder ? await openFolder(path, findClasses) : await openTable(path, options)
  const { importModule: _, maxBytes: __, ...own } = options
  const rows: RowOptions = {
    ...own,
    boundary,
    findPreprocessor: () => besideFile<Record<string, unknown>>(folders, 'preprocessor_config.json', boundary),
  }
  return { ...(await entryDataSet(await rowSource(table, rows), { ...options, findClasses })), findClasses }
}

/** Rows as what a language model is asked. */
async function openQuestions(
  path: string,
  { isFolder, ...options }: DataOptions & { readonly asking: Asking; readonly isFolder: boolean },
): Promise<DataSet> {
  const { text, trusted, workspace } = options
  const name = basename(path)
  const extension = extname(path).toLowerCase()
  if (!isFolder && !Object.hasOwn(TABLE_FORMATS, extension)) {
    throw new PareError(`${name}: data of kind '${extension}' hold no questions for a language model.`, {
      hint: `questions are rows of a table: ${Object.keys(TABLE_FORMATS).join(', ')}.`,
    })
  }
  if (text === undefined)
    throw new PareError(`${name}: questions, but no tokenizer is named.`, {
      hint: 'name a tokenizer.json with the tokenizer option.',
    })
  const table = isFolder ? await openFolder(path, async () => undefined) : await openTable(path, options)
  const root = workspace ?? (isFolder ? path : dirname(path))
  return await askedDataSet(table, { ...options, text, boundary: { trusted, root } })
}

async function openArrays(path: string, options: DataOptions & { readonly findClasses: FindClasses }): Promise<DataSet> {
  const { inputs, maxBytes = MAX_BYTES, label = 'label' } = options
  const name = basename(path)
  const bytes = await readWhole(path, maxBytes)
  const parse = ARRAY_FORMATS[extname(path).toLowerCase()]!
  const read = await parse({ bytes, name, inputs: inputs.filter((input) => !canFill(input)), label, maxBytes })
  const arrays = options.boxLabels === true ? joinBoxes(read, name) : read
  return arrayDataSet(await matchNumbered(arrays, name, { options }))
}

/** A table, or a plain text as a table of one document. */
async function openTable(path: string, { text, maxBytes = MAX_BYTES }: DataOptions): Promise<Table> {
  const extension = extname(path).toLowerCase()
  const file = { path, name: basename(path), folder: dirname(path) }
  if (Object.hasOwn(TABLE_FORMATS, extension)) return await TABLE_FORMATS[extension]!(file)
  if (UNREAD.includes(extension) || !(text || isText(extension))) throw unread(path)
  const content = decodeText(await readWhole(path, maxBytes), path)
  if (!text)
    throw new PareError(`${file.name}: text, but no tokenizer is named.`, {
      hint: 'name a tokenizer.json with the tokenizer option.',
    })
  // The field that holds the text is one of tables.
  const values = { text: content, ...(text.field !== undefined && { [text.field]: content }) }
  return {
    name: file.name,
    folder: file.folder,
    bytes: 0,
    rows: 1,
    read: async function* () {
      yield { where: file.name, values }
    },
  }
}

async function openFolder(path: string, findClasses: FindClasses): Promise<Table> {
  const { chained, contentOf, openClassFolder } = await import('./tables/folder.js')
  const content = await contentOf(path)
  if (content.kind === 'files') return openClassFolder(path, findClasses)
  const open = (file: string) => TABLE_FORMATS[extname(file).toLowerCase()]!({ path: file, name: basename(file), folder: path })
  if (content.kind === 'list') return await open(content.path)
  return chained(basename(path), await Promise.all(content.paths.map(open)))
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

/** Whether files with this extension are text. */
function isText(extension: string): boolean {
  return TEXT_FORMATS.some((each) => each === extension)
}

function unread(path: string): PareError {
  return new PareError(`${path}: data of kind '${extname(path)}' are not read.`, {
    hint: `expected arrays (${Object.keys(ARRAY_FORMATS).join(', ')}), tables (${Object.keys(TABLE_FORMATS).join(', ')}), a folder of images, text with a tokenizer (${TEXT_FORMATS.join(', ')}), or a module (.js, .mjs, .ts).`,
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
  const exported = defaultOf(module)
  const { models = [], classes, trusted } = options
  const folder = dirname(path)
  const folders = [...models.map((model) => dirname(model)), folder]
  const findClasses = classFinder({ models, folders, boundary: { trusted, root: folder }, ...present({ classes }) })
  const samples = async function* (): AsyncGenerator<Sample> {
    const iterable: unknown = typeof exported === 'function' ? await exported() : exported
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
  const names = new Set<string>()
  const source = {
    ...{ name, isSmall: false, notes: [], columnNames: [] as string[] },
    async *read() {
      let index = 0
      for await (const sample of samples()) {
        for (const key of Object.keys(sample)) if (!names.has(key)) names.add(key)
        yield { arrays: arraysOf(sample, `${name}: sample ${index++}`), columns: {} }
      }
    },
  }
  return { ...(await entryDataSet(source, { ...options, findClasses })), findClasses }
}

/** The default export. Loaders of TypeScript may give a CommonJS module, whose own default lies one deeper. */
function defaultOf({ default: outer }: { default?: unknown }): unknown {
  return typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer
}

function isIterable(value: unknown): value is AsyncIterable<Sample> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}
