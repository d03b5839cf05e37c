import { extname } from 'node:path'
import type { ArrayFile } from './arrays/array-file.js'
import type { DataArray } from './ndarray.js'
import type { Table, TableFile } from './tables/table.js'

type Parse = (file: ArrayFile) => Promise<Map<string, DataArray>>

/** Files of arrays by extension, with what gives their arrays by name. A new format is an entry here and its parser. */
export const ARRAY_FORMATS: Readonly<Record<string, Parse>> = {
  '.npz': async ({ bytes, name, maxBytes }) => (await import('./arrays/npz.js')).parseNpz(bytes, name, maxBytes),
  '.npy': async (file) => (await import('./arrays/npy.js')).parseOnlyInput(file),
}

type OpenTable = (file: TableFile) => Promise<Table>

/** Tables by extension, with what opens them: a row is a sample, or a document. */
export const TABLE_FORMATS: Readonly<Record<string, OpenTable>> = {
  '.csv': async (file) => (await import('./tables/csv.js')).openCsv(file, ','),
  '.tsv': async (file) => (await import('./tables/csv.js')).openCsv(file, '\t'),
  '.jsonl': async (file) => (await import('./tables/jsonl.js')).openJsonLines(file),
  '.json': async (file) => (await import('./tables/json.js')).openJson(file),
  '.yaml': async (file) => (await import('./tables/yolo.js')).openDataYaml(file),
  '.yml': async (file) => (await import('./tables/yolo.js')).openDataYaml(file),
  '.parquet': async (file) => (await import('./tables/parquet.js')).openParquet(file),
  '.arrow': async (file) => (await import('./tables/arrow.js')).openArrow(file),
  '.feather': async (file) => (await import('./tables/arrow.js')).openArrow(file),
}

/** Tables that are compressed inside, and read from the middle: nothing around them is unpacked. */
const PACKED_INSIDE = ['.parquet', '.arrow', '.feather']
const PACKING = /\.(gz|zst)$/i

/** The extension that says how a file is read, in small letters: '.csv' of `val.csv.gz`, too. */
export function formatOf(path: string): string {
  const inside = extname(path.replace(PACKING, '')).toLowerCase()
  return PACKING.test(path) && (inside === '' || PACKED_INSIDE.includes(inside)) ? extname(path).toLowerCase() : inside
}

/** Whether a file lists images of a data set of Pascal VOC. */
export function isVocList(path: string): boolean {
  return /(^|[\\/])ImageSets[\\/](Main|Segmentation)[\\/][^\\/]+\.txt$/.test(path)
}

/** What opens a file as a table; undefined where it is none. */
export function tableOpener(path: string): OpenTable | undefined {
  if (isVocList(path)) return async (file) => (await import('./tables/voc-folder.js')).openVocList(file)
  const format = formatOf(path)
  return Object.hasOwn(TABLE_FORMATS, format) ? TABLE_FORMATS[format] : undefined
}

/** Files of text alone. Where there is a tokenizer, whatever else is UTF-8 is text too. */
export const TEXT_FORMATS = ['.txt', '.md'] as const

/** Data that are run: modules that export samples. */
const MODULE = /\.[cm]?[jt]s$/

export function isModule(path: string): boolean {
  return MODULE.test(path)
}

/** Whether a file of this name may hold text, that is read where there is a tokenizer: it is not one of arrays, and no module. */
export function mayBeText(path: string): boolean {
  return !Object.hasOwn(ARRAY_FORMATS, formatOf(path)) && !isModule(path)
}

/** Formats that are read and not run, but for what says where data lie. */
const STILL = [...Object.keys(ARRAY_FORMATS), ...Object.keys(TABLE_FORMATS)].filter((each) => !/^\.ya?ml$/.test(each))

/** What data may be, as help and messages say it: '.npz, …, .txt, a folder or a module'. */
export const DATA_FORMATS = `${[...STILL, TEXT_FORMATS[0]].join(', ')} (also .csv.gz, .jsonl.zst), data.yaml of YOLO, a folder (of images, sounds, tables, or boxes as Pascal VOC has them) or a module`

/** What to do about data that would be run where that is not trusted. */
export const UNTRUSTED_HINT = `write it as ${STILL.slice(0, -1).join(', ')} or ${STILL.at(-1)}`
