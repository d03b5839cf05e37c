import { basename, resolve } from 'node:path'
import { PareError } from '@pare/onnx'
import { readWhole } from '../file.js'
import { IMAGE_FILE, SOUND_FILE } from '../file-kinds.js'
import { canFill } from '../fill.js'
import { imageHeader } from '../images/decode.js'
import { imageKind } from '../images/header.js'
import { imageReader, PIXEL_MASK, takesImages } from '../images/images.js'
import { areTwofold, decodeMask, placeMask } from '../images/masks.js'
import type { ClassMask } from '../images/pixels.js'
import type { Placement } from '../images/placement.js'
import { stepsOf } from '../images/steps.js'
import type { ModelValue } from '../model-value.js'
import { type DataArray, describe, isElementType, isInteger, type NdArray } from '../ndarray.js'
import { soundReader, takesSound } from '../sounds/sound.js'
import { decodeWav } from '../sounds/wav.js'
import type { Row, Table } from '../tables/table.js'
import { type Boundary, insideOf } from './inside.js'
import type { RowOptions } from './row-options.js'

/** A column of files, and what makes an input of them. */
export interface FileColumn {
  readonly column: string
  /** For people. */
  readonly notes: readonly string[]
  read(row: Row): Promise<FileArrays>
}

/** What is made of a file: the input, and where it is no filling. */
export interface FileArrays {
  readonly array: DataArray
  readonly mask?: DataArray
  readonly placement?: Placement
  /** Of the end of a sound, which the model does not hear. Default: 0 */
  readonly lostSeconds?: number
}

type ReadFile = (bytes: Uint8Array, where: string) => Promise<FileArrays>

export interface FileInput {
  readonly first: Row
  readonly input: ModelValue
  readonly options: RowOptions
  /** The column of the label, which is no input. */
  readonly label: string
}

/** Reads an input out of images or sounds that the rows hold or name; undefined where they do neither. */
export async function fileReader(table: Table, { first, input, options, label }: FileInput): Promise<FileColumn | undefined> {
  const { inputs, boundary } = options
  const kinds = [
    { pattern: IMAGE_FILE, magic: isImageBytes, takes: takesImages, what: 'images', open: () => openImages(input, options) },
    { pattern: SOUND_FILE, magic: isSoundBytes, takes: takesSound, what: 'sounds', open: () => openSounds(input, options) },
  ]
  for (const { pattern, magic, takes, what, open } of kinds) {
    const isFile = fileTest(pattern, magic)
    const own = isFile(first.values[input.name]) ? input.name : undefined
    if (own === undefined && (first.values[input.name] !== undefined || !isOnly(inputs, takes))) continue
    const column = own ?? Object.keys(first.values).find((name) => name !== label && isFile(first.values[name]))
    if (column === undefined) continue
    if (!takes(input)) {
      throw new PareError(
        `${table.name}: column '${column}' holds ${what}, and input '${input.name}' is ${describe(input.type, input.shape)}.`,
        {
          hint: `${what} are read for ${what === 'images' ? 'inputs [batch, channels, height, width] or [batch, height, width, channels]' : 'inputs of floats, [batch, samples] or [batch, bins, frames]'}; write what the model takes as .npz or .parquet.`,
        },
      )
    }
    const read = await open()
    const where = shownFile(first, column)
    const head = await fileBytes(first.values[column], { table, boundary, shown: where })
    return {
      column,
      notes: what === 'sounds' ? await soundNotes(head, { read, where }) : imageNotes(head, where),
      async read(row) {
        const shown = shownFile(row, column)
        return read(await fileBytes(row.values[column], { table, boundary, shown }), shown)
      },
    }
  }
  return undefined
}

/** What of images such as the first is left out. */
function imageNotes(bytes: Uint8Array, where: string): readonly string[] {
  const { kind, bits, hasMore = false } = imageHeader(bytes, where)
  return [
    ...(hasMore ? [`images have several ${kind === 'gif' ? 'frames' : 'pages'}, such as ${where}: the first is read`] : []),
    ...(bits === 16 && kind !== 'bmp'
      ? [`images have 16 bits for each colour, such as ${where}: the high 8 of these are read`]
      : []),
  ]
}

/** What is done to sounds such as the first: channels are mixed down, as librosa and torchaudio do, and what the model does not hear is cut off, as its feature extractor does. */
async function soundNotes(
  bytes: Uint8Array,
  { read, where }: { readonly read: ReadFile; readonly where: string },
): Promise<readonly string[]> {
  const { channels } = decodeWav(bytes, where)
  const { lostSeconds = 0 } = await read(bytes, where)
  return [
    ...(channels === 1 ? [] : [`sounds have ${channels} channels, such as ${where}: the model is given their mean`]),
    ...(lostSeconds === 0
      ? []
      : [`sounds are longer than the model hears at once, ${where} by ${lostSeconds.toFixed(1)} seconds: their end is cut off`]),
  ]
}

function fileTest(pattern: RegExp, magic: (bytes: Uint8Array | undefined) => boolean): (value: unknown) => boolean {
  return (value) => (typeof value === 'string' ? pattern.test(value) : magic(bytesIn(value)) || pattern.test(pathIn(value) ?? ''))
}

/** A file of a row, as messages call it. */
function shownFile({ where, values }: Row, column: string): string {
  const value = values[column]
  if (where.endsWith(`/${value}`)) return where
  return typeof value === 'string' ? `${where}: ${value}` : `${where}, '${column}'`
}

/** Masks that are looked at to tell whether 255 is a class in them. */
const FIRST_MASKS = 8

/**
 * Reads labels of pixels out of masks that the rows hold or name, each where its image went; undefined where the label is no image. Throws PareError where the first masks hold nothing but 0 and 255,
 * unless the classes say which 255 is.
 */
export async function maskReader(
  table: Table,
  { first, label, options }: Omit<FileInput, 'input'>,
): Promise<((row: Row, image: FileArrays) => Promise<NdArray>) | undefined> {
  const { maskOf } = table
  const isDrawn = maskOf !== undefined && options.boxLabels === false
  if (!isDrawn && !fileTest(IMAGE_FILE, isImageBytes)(first.values[label])) return undefined
  const { boundary } = options
  const config = (await options.findPreprocessor())?.content
  const isReduced = (config?.do_reduce_labels ?? config?.reduce_labels) === true
  if (isDrawn) {
    return async (row, { mask, placement }) => {
      const drawn = maskOf(row, placement!.from)
      const [height, width] = mask!.shape as [number, number]
      const place = { placement: placement!, frame: { height, width }, where: row.where }
      return placeMask(drawn, { ...place, isReduced: isReduced && !drawn.isNumbered })
    }
  }
  const decode = async (row: Row): Promise<ClassMask> => {
    const shown = shownFile(row, label)
    return decodeMask(await fileBytes(row.values[label], { table, boundary, shown }), shown)
  }
  if (options.classes === undefined && !isReduced) {
    const masks: ClassMask[] = []
    for await (const row of table.read()) {
      masks.push(await decode(row))
      if (masks.length === FIRST_MASKS) break
    }
    if (areTwofold(masks)) {
      throw new PareError(
        `${table.name}: the first ${masks.length} masks hold 0 and 255 alone: 255 may be the second class, or mark what does not count.`,
        {
          hint: 'say it: --classes 0,255 where it is the second class, --classes 0,1 where it marks what does not count.',
        },
      )
    }
  }
  return async (row, { mask, placement }) => {
    const [height, width] = mask!.shape as [number, number]
    const place = { placement: placement!, frame: { height, width }, isReduced, where: shownFile(row, label) }
    return placeMask(await decode(row), place)
  }
}

/** Whether one input takes such files, or there is one at all. */
function isOnly(inputs: readonly ModelValue[], takes: (input: ModelValue) => boolean): boolean {
  const all = inputs.filter((input) => !canFill(input) && input.name !== PIXEL_MASK)
  return all.length === 1 || all.filter(takes).length === 1
}

async function openImages(input: ModelValue, options: RowOptions): Promise<ReadFile> {
  const isFloat = isElementType(input.type) && !isInteger(input.type)
  // Integers are bytes as they are, but for what is said of sizes.
  const config = await options.findPreprocessor()
  const steps = stepsOf(options.image, isFloat || config?.content.size !== undefined ? config : undefined)
  return imageReader(input, { steps, options: options.image })
}

async function openSounds(input: ModelValue, options: RowOptions): Promise<ReadFile> {
  return soundReader(input, await options.findPreprocessor())
}

const MOST_FILE_BYTES = 2 ** 28

/** Of a value that holds bytes, or names a file beside the table. */
export async function fileBytes(
  value: unknown,
  { table, boundary, shown }: { readonly table: Table; readonly boundary: Boundary; readonly shown: string },
): Promise<Uint8Array> {
  const bytes = bytesIn(value)
  if (bytes !== undefined) return bytes
  const path = typeof value === 'string' ? value : pathIn(value)
  if (path === undefined || path === '')
    throw new PareError(`${shown}: no file, and no bytes of one.`, { hint: 'leave the row out.' })
  if (/^[a-z]+:\/\//i.test(path))
    throw new PareError(`${shown}: an address, and nothing is fetched.`, {
      hint: 'fetch the files first, and name them by path.',
    })
  const file = await insideOf(boundary, resolve(table.folder, path), shown)
  return await readWhole(file, MOST_FILE_BYTES).catch((cause: unknown) => {
    if (cause instanceof PareError && cause.message.includes('no such file'))
      throw new PareError(`${shown}: no such file.`, {
        hint: `paths are relative to ${basename(table.folder)}, the folder of the data.`,
        cause,
      })
    throw cause
  })
}

function bytesIn(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  const bytes = (value as { bytes?: unknown } | null | undefined)?.bytes
  return bytes instanceof Uint8Array ? bytes : undefined
}

function pathIn(value: unknown): string | undefined {
  const path = (value as { path?: unknown } | null | undefined)?.path
  return typeof path === 'string' ? path : undefined
}

function isImageBytes(bytes: Uint8Array | undefined): boolean {
  return bytes !== undefined && bytes.length >= 12 && imageKind(bytes) !== undefined
}

function isSoundBytes(bytes: Uint8Array | undefined): boolean {
  return bytes !== undefined && Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'RIFF' && !isImageBytes(bytes)
}
