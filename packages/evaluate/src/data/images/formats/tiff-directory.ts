import { PareError } from '@pare/onnx'

/** What the first page of a TIFF says of itself. */
export interface TiffDirectory {
  readonly width: number
  readonly height: number
  readonly isLittle: boolean
  /** As EXIF numbers it. */
  readonly orientation: number
  readonly hasMorePages: boolean
  /** The numbers of a tag; undefined where it is not there. */
  numbers(tag: TiffTag): readonly number[] | undefined
}

/** Fields by their numbers (TIFF 6.0, section 8). */
export const TIFF_TAGS = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planar: 284,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
} as const
export type TiffTag = keyof typeof TIFF_TAGS

/** Bytes of a number, by its type: BYTE, ASCII, SHORT, LONG, …; UNDEFINED is bytes. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 7: 1 }
/** A directory has some twenty fields; those of microscopes some hundred. */
const MOST_FIELDS = 4096
/** A strip for each row is the most that is usual. */
const MOST_NUMBERS = 2 ** 20

/** Whether bytes begin as those of a TIFF, or of a BigTIFF. */
export function isTiff(bytes: Uint8Array): boolean {
  const begin = Buffer.from(bytes.subarray(0, 4)).toString('latin1')
  return ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(begin)
}

/** The first page. Values are read where they are asked for, and lie in the file. Throws RangeError where it is cut short, PareError for BigTIFF. */
export function tiffDirectory(bytes: Uint8Array, where: string): TiffDirectory {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isLittle = view.getUint8(0) === 0x49
  const [u16, u32] = [(at: number) => view.getUint16(at, isLittle), (at: number) => view.getUint32(at, isLittle)]
  if (u16(2) !== 42) {
    throw new PareError(`${where}: a BigTIFF, of which images have more pixels than are read.`, {
      hint: 'cut it into smaller images, and write these as PNG or TIFF.',
    })
  }
  const first = u32(4)
  const count = u16(first)
  if (count > MOST_FIELDS) throw new RangeError(`${count} fields`)
  const places = new Map<number, number>()
  for (let i = 0; i < count; i++) places.set(u16(first + 2 + 12 * i), first + 2 + 12 * i)
  const numbers = (tag: TiffTag): readonly number[] | undefined => {
    const at = places.get(TIFF_TAGS[tag])
    if (at === undefined) return undefined
    const size = TYPE_BYTES[u16(at + 2)]
    if (size === undefined) return undefined
    const length = u32(at + 4)
    const from = size * length <= 4 ? at + 8 : u32(at + 8)
    if (length > MOST_NUMBERS || from + size * length > bytes.length) throw new RangeError(`field ${TIFF_TAGS[tag]}`)
    const read = size === 1 ? (place: number) => view.getUint8(place) : size === 2 ? u16 : u32
    return Array.from({ length }, (_, i) => read(from + size * i))
  }
  return {
    ...{ width: numbers('width')?.[0] ?? 0, height: numbers('height')?.[0] ?? 0, isLittle, numbers },
    orientation: numbers('orientation')?.[0] ?? 1,
    hasMorePages: u32(first + 2 + 12 * count) !== 0,
  }
}

/** What the samples of a page are. */
export interface TiffForm {
  readonly kind: 'white' | 'grey' | 'colours' | 'palette'
  /** Of a sample. */
  readonly bits: 1 | 2 | 4 | 8 | 16
  /** How many samples a pixel has, with those that are no colours. */
  readonly samples: number
  /** What the fourth sample of colours is: how opaque they are, and whether they were multiplied by it. Default: nothing that is known */
  readonly alpha?: 'plain' | 'multiplied'
}
