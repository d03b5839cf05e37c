import { stat } from 'node:fs/promises'
import { basename, dirname, extname } from 'node:path'
import { PareError, present } from '@pare/onnx'
import type { DataOptions } from './data-options.js'
import { arrayDataSet, type Batch, type DataSet } from './dataset.js'
import { entryDataSet, matchNumbered } from './entries.js'
import { canFill } from './fill.js'
import { ARRAY_FORMATS, formatOf, isModule, TABLE_FORMATS, TEXT_FORMATS, tableOpener } from './formats.js'
import { timmConfig } from './images/timm.js'
import { ultralyticsConfig } from './images/ultralytics.js'
import { joinBoxes } from './labels/box-labels.js'
import { besideFile, type ClassSources, classFinder } from './labels/classes.js'
import type { FindClasses } from './labels/labels.js'
import { openModule } from './module.js'
import { readUnpacked, unpackingOf } from './packed.js'
import { askedDataSet } from './questions/asked-data-set.js'
import { openExamples } from './questions/examples.js'
import type { Asking } from './questions/question.js'
import { mixedDataSet } from './rows/mixed.js'
import type { RowOptions } from './rows/row-options.js'
import { rowSource } from './rows/rows.js'
import type { FolderOptions } from './tables/folder.js'
import type { Table } from './tables/table.js'
import { notUtf8 } from './utf8.js'

export type { DataOptions } from './data-options.js'
export { UntrustedError } from './rows/inside.js'

const MAX_BYTES = 2 ** 31 - 1
/** Written in letters, and no prose. */
const UNREAD = ['.xml', '.html', '.svg']

/**
 * Opens evaluation, calibration or training data for a model.
 * 1. `.npz`: arrays [samples, …] by name. 2. `.npy`: the array of a model's only input. 3. Tables (`.csv`, `.tsv`, `.jsonl`, `.parquet`, `.arrow`): a sample each row, of
 * numbers, of images and sounds that it holds or names, or of text. 4. A folder: one folder of images or sounds for each class, images with masks or annotations, a list in metadata.csv, or tables.
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
  if (options.examples !== undefined) throw noPlaceForExamples(options.examples)
  if (isModule(path)) return openModule(path, options)
  const { trusted, models = [], classes } = options
  const folder = isFolder ? path : dirname(path)
  const boundary = { trusted, root: options.workspace ?? folder }
  const folders = foldersFor(models, folder)
  const findClasses = classFinder({ models, folders, boundary, ...present({ classes }) })
  if (!isFolder && Object.hasOwn(ARRAY_FORMATS, formatOf(path)))
    return { ...(await openArrays(path, { ...options, findClasses })), findClasses }
  const table = isFolder
    ? await openFolder(path, { findClasses, boundary, boxLabels: options.boxLabels })
    : await openTable(path, { ...options, findClasses, boundary })
  if (table.holds === 'boxes' && options.boxLabels === false) throw noLabelsButBoxes(table.name)
  const { importModule: _, maxBytes: __, ...own } = options
  const rows: RowOptions = { ...own, boundary, findPreprocessor: preprocessorFinder({ models, folders, boundary }) }
  const source = await rowSource(table, rows)
  const data = { ...(await entryDataSet(source, { ...options, findClasses })), findClasses }
  return source.holds === 'masks' ? withMasks(data) : data
}

/** Finds how files become inputs: in the preprocessor_config.json beside model or data, in a config.json of timm's, or in what an exporter noted in a model. */
function preprocessorFinder({ models, folders, boundary }: Omit<ClassSources, 'classes'>): RowOptions['findPreprocessor'] {
  return async () => {
    const own = await besideFile<Record<string, unknown>>(folders, 'preprocessor_config.json', boundary)
    if (own !== undefined) return own
    const config = await besideFile<Record<string, unknown>>(folders, 'config.json', boundary)
    const content = config && timmConfig(config.content)
    if (config !== undefined && content !== undefined) return { path: config.path, content }
    for (const model of models) {
      const noted = await ultralyticsConfig(model)
      if (noted !== undefined) return { path: `metadata of ${basename(model)}`, content: noted }
    }
    return undefined
  }
}

/** The folders in which files may lie that say how data are read, the likeliest first. */
function foldersFor(models: readonly string[], folder: string): readonly string[] {
  return [...new Set([...models.map((model) => dirname(model)), folder])]
}

/** Samples whose labels are masks. */
function withMasks({ pick, ...data }: DataSet): DataSet {
  const marked = (batch: Batch): Batch => ({ ...batch, isMasked: true })
  return {
    ...data,
    holds: 'masks',
    async *batches(size) {
      for await (const batch of data.batches(size)) yield marked(batch)
    },
    ...(pick && { pick: (samples) => marked(pick(samples)) }),
  }
}

/** Rows as what a language model is asked. */
async function openQuestions(
  path: string,
  { isFolder, ...options }: DataOptions & { readonly asking: Asking; readonly isFolder: boolean },
): Promise<DataSet> {
  const { text, trusted, workspace, examples, models = [] } = options
  const name = basename(path)
  if (!isFolder && tableOpener(path) === undefined) {
    throw new PareError(`${name}: data of kind '${formatOf(path)}' hold no questions for a language model.`, {
      hint: `questions are rows of a table: ${Object.keys(TABLE_FORMATS).join(', ')}.`,
    })
  }
  if (text === undefined)
    throw new PareError(`${name}: questions, but no tokenizer is named.`, {
      hint: 'name a tokenizer.json with the tokenizer option.',
    })
  const root = workspace ?? (isFolder ? path : dirname(path))
  const boundary = { trusted, root }
  const table = isFolder
    ? await openFolder(path, { findClasses: async () => undefined, boundary })
    : await openTable(path, options)
  if (examples !== undefined && options.asking === 'pairs') throw noPlaceForExamples(examples)
  const answered = examples === undefined ? undefined : await openExamples(await openTable(examples, options))
  const { examples: _, ...own } = options
  // Pruned models lie elsewhere; their tokenizer stays where the folder of the model is.
  const folders = [...new Set([dirname(text.tokenizer), ...foldersFor(models, isFolder ? path : dirname(path))])]
  const findPreprocessor = preprocessorFinder({ models, folders, boundary })
  return await askedDataSet(table, { ...own, text, boundary, findPreprocessor, ...present({ examples: answered }) })
}

function noPlaceForExamples(path: string): PareError {
  return new PareError(
    `${basename(path)}: examples stand before what a language model is asked, and no metric asks it anything.`,
    {
      hint: 'measure choice-accuracy, or a metric of what it writes, such as exact-match; or leave the examples out.',
    },
  )
}

async function openArrays(path: string, options: DataOptions & { readonly findClasses: FindClasses }): Promise<DataSet> {
  const { inputs, maxBytes = MAX_BYTES, label = 'label' } = options
  const name = basename(path)
  const bytes = await readUnpacked(path, maxBytes)
  const parse = ARRAY_FORMATS[formatOf(path)]!
  const read = await parse({ bytes, name, inputs: inputs.filter((input) => !canFill(input)), label, maxBytes })
  const arrays = options.boxLabels === true ? joinBoxes(read, name) : read
  return arrayDataSet(await matchNumbered(arrays, name, { options }))
}

/** A table, or a plain text as a table of one document. */
async function openTable(
  path: string,
  { text, maxBytes = MAX_BYTES, findClasses, boundary, boxLabels }: DataOptions & Partial<FolderOptions>,
): Promise<Table> {
  const extension = formatOf(path)
  const file = { path, name: basename(path), folder: dirname(path), ...present({ findClasses, boundary, boxLabels }) }
  const opener = tableOpener(path)
  if (opener !== undefined) return await opener(file)
  if (UNREAD.includes(extension) || !(text || isText(extension))) throw unread(path)
  const content = decodeText(await readUnpacked(path, maxBytes), path)
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

async function openFolder(path: string, options: FolderOptions): Promise<Table> {
  const { contentOf, openClassFolder } = await import('./tables/folder.js')
  const content = await contentOf(path)
  if (content.kind === 'files') return openClassFolder(path, options)
  const { openChained } = await import('./tables/chained.js')
  return await openChained(path, content.kind === 'list' ? [content.path] : content.paths, options)
}

/** Prose in another encoding, or no prose at all, would become tokens without a word about it. */
function decodeText(bytes: Buffer, path: string): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {}
  if (!isText(formatOf(path))) throw unread(path)
  throw notUtf8(path)
}

/** Whether files with this extension are text. */
function isText(extension: string): boolean {
  return TEXT_FORMATS.some((each) => each === extension)
}

function noLabelsButBoxes(name: string): PareError {
  return new PareError(`${name}: what belongs to these images is boxes, and no labels of images or pixels.`, {
    hint: 'measure map; masks are files: a folder images and a folder masks with files of the same names, SegmentationClass of Pascal VOC; or outlines in annotations of COCO, of which some here have none.',
  })
}

/** Packed in a way that is not unpacked, or as a whole what is read from the middle. */
const OTHERWISE_PACKED = /\.(gz|tgz|zst|bz2|xz|zip)$/i

function unread(path: string): PareError {
  const kind = extname(path)
  if (OTHERWISE_PACKED.test(kind)) {
    return new PareError(`${path}: data that are packed so are not read.`, {
      hint: `unpack them first: ${unpackingOf(path)} (with gzip and Zstandard what is not packed inside is read: val.csv.gz, val.jsonl.zst).`,
    })
  }
  return new PareError(`${path}: data of kind '${kind}' are not read.`, {
    hint: `expected arrays (${Object.keys(ARRAY_FORMATS).join(', ')}), tables (${Object.keys(TABLE_FORMATS).join(', ')}), a folder of images, text with a tokenizer (${TEXT_FORMATS.join(', ')}), or a module (.js, .mjs, .ts)${kind.toLowerCase() === '.xml' ? '; of annotations of Pascal VOC the folder in which they lie beside images, or beside a folder of images' : ''}.`,
  })
}
