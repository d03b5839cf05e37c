import { PareError, present } from '@pare/onnx'
import type { ClassMask, Pixels } from '../pixels.js'
import { type TiffDirectory, type TiffForm, type TiffTag, tiffDirectory } from './tiff-directory.js'
import { segmentReader } from './tiff-segments.js'

const KINDS = ['white', 'grey', 'colours', 'palette'] as const
const OTHER_KINDS: Readonly<Record<number, string>> = {
  4: 'a mask of transparency',
  5: 'colours of print (CMYK)',
  6: 'YCbCr',
  8: 'CIELab',
}

/** The first page of a TIFF as pixels; of 16 bits the high 8, as lodepng and OpenCV have it. Throws PareError for what is not read, RangeError where it is cut short. `where` is for messages. */
export async function decodeTiff(bytes: Uint8Array, where: string): Promise<Pixels> {
  const directory = tiffDirectory(bytes, where)
  const { width, height } = directory
  const form = formOf(directory, where)
  const stored = await readSamples(bytes, { directory, form, where })
  const data = new Uint8Array(width * height * 4)
  const most = form.bits === 16 ? 255 : 2 ** form.bits - 1
  const palette = form.kind === 'palette' ? paletteOf(directory, { bits: form.bits, where }) : undefined
  const { samples, alpha } = form
  for (let i = 0; i < width * height; i++) {
    const at = i * samples
    if (palette !== undefined) for (let c = 0; c < 3; c++) data[4 * i + c] = palette[3 * stored[at]! + c]!
    else if (form.kind === 'colours') {
      const opacity = alpha === undefined ? 255 : stored[at + 3]!
      for (let c = 0; c < 3; c++) data[4 * i + c] = alpha === 'multiplied' ? divided(stored[at + c]!, opacity) : stored[at + c]!
      data[4 * i + 3] = opacity
    } else {
      const grey = Math.round((stored[at]! * 255) / most)
      data.fill(form.kind === 'white' ? 255 - grey : grey, 4 * i, 4 * i + 3)
    }
    if (form.kind !== 'colours') data[4 * i + 3] = 255
  }
  return { width, height, data }
}

/** A colour that was multiplied by how opaque it is, as Pillow brings it back. */
function divided(colour: number, opacity: number): number {
  return opacity === 0 ? 0 : Math.min(255, Math.floor((255 * colour) / opacity))
}

/** What the first page of a TIFF stores of each pixel, as its class: greys, or the numbers of colours in a palette. Undefined where it stores colours. */
export async function decodeTiffMask(bytes: Uint8Array, where: string): Promise<ClassMask | undefined> {
  const directory = tiffDirectory(bytes, where)
  const form = formOf(directory, where)
  const { width, height, orientation } = directory
  const refuse = (what: string, hint: string) => {
    throw new PareError(`${where}: a mask ${what}.`, { hint })
  }
  if (directory.numbers('compression')?.[0] === 7)
    refuse('that is packed with JPEG, whose pixels are no longer what was written', 'pack it with LZW or deflate.')
  if (form.kind === 'colours') return undefined
  if (form.bits === 16) refuse('of 16 bits for each pixel', 'write it with 8: classes 0 to 255.')
  if (form.kind === 'white')
    refuse('whose greys count from white (WhiteIsZero), which loaders turn round or leave', 'write it with 0 as black.')
  if (orientation > 1) refuse(`that is stored rotated (orientation ${orientation})`, 'write it as it is to be seen.')
  const { samples } = form
  const stored = await readSamples(bytes, { directory, form, where })
  return { width, height, data: samples === 1 ? stored : stored.filter((_, i) => i % samples === 0) }
}

/** Throws PareError for what is no samples of whole numbers in grey, colours or a palette. */
function formOf({ numbers }: TiffDirectory, where: string): TiffForm {
  const photometric = one(numbers, 'photometric') ?? 1
  const compression = one(numbers, 'compression') ?? 1
  // What JPEG stores as YCbCr its decoder gives as colours.
  const kind = photometric === 6 && compression === 7 ? 'colours' : KINDS[photometric]
  const refuse = (what: string) => {
    throw new PareError(`${where}: a TIFF with ${what}, which is not read.`, {
      hint: 'write it with 8 or 16 bits as grey, RGB or palette: in Python Image.fromarray(array).save(file), after scaling what is no whole number.',
    })
  }
  if (kind === undefined) return refuse(OTHER_KINDS[photometric] ?? `PhotometricInterpretation ${photometric}`)
  const samples = one(numbers, 'samples') ?? 1
  const all = numbers('bits') ?? [1]
  const [bits] = all as [number]
  const format = numbers('sampleFormat')?.find((each) => each !== 1 && each !== 4)
  if (format !== undefined) return refuse(format === 3 ? `floats of ${bits} bits` : `samples of format ${format}`)
  const least = kind === 'colours' ? 3 : 1
  const isUsual = ([1, 2, 4, 8, 16] as readonly number[]).includes(bits) && all.every((each) => each === bits)
  if (!isUsual || (bits < 8 && samples > 1)) return refuse(`${all.join(', ')} bits`)
  if (samples < least || samples > MOST_SAMPLES) return refuse(`${samples} samples for each pixel`)
  if (kind === 'palette' && bits > 8) return refuse(`a palette of ${bits} bits`)
  if ((one(numbers, 'fillOrder') ?? 1) !== 1) return refuse('bits from the lowest on (FillOrder 2)')
  const extra = kind === 'colours' && samples > 3 ? numbers('extraSamples')?.[0] : 0
  const alpha = ([undefined, 'multiplied', 'plain'] as const)[extra ?? 0]
  return { kind, bits: bits as TiffForm['bits'], samples, ...present({ alpha }) }
}

/** Satellites have some dozen channels. */
const MOST_SAMPLES = 64

function one(numbers: TiffDirectory['numbers'], tag: TiffTag): number | undefined {
  return numbers(tag)?.[0]
}

/** u8[height, width, samples]: what is stored, of 16 bits the high 8. */
async function readSamples(
  bytes: Uint8Array,
  { directory, form, where }: { readonly directory: TiffDirectory; readonly form: TiffForm; readonly where: string },
): Promise<Uint8Array> {
  const { width, height } = directory
  if (width * height * form.samples > MOST_STORED) {
    throw new PareError(
      `${where}: ${width} × ${height} pixels of ${form.samples} samples, more than the ${MOST_STORED} numbers allowed.`,
      {
        hint: 'make it smaller first, or write the channels that the model takes.',
      },
    )
  }
  const { segments, perSegment, read } = segmentReader(bytes, { directory, form, where })
  const stored = new Uint8Array(width * height * form.samples)
  for (const { left, top, plane, index } of segments) {
    const own = await read(index)
    const [wide, high] = [Math.min(perSegment.width, width - left), Math.min(perSegment.height, height - top)]
    for (let y = 0; y < high; y++) {
      const from = y * perSegment.width * perSegment.samples
      const to = ((top + y) * width + left) * form.samples
      if (plane === undefined) stored.set(own.subarray(from, from + wide * form.samples), to)
      else for (let x = 0; x < wide; x++) stored[to + x * form.samples + plane] = own[from + x]!
    }
  }
  return stored
}

const MOST_STORED = 2 ** 28

/** u8[colours, 3], of numbers of 16 bits that stand one channel behind the other. */
function paletteOf({ numbers }: TiffDirectory, { bits, where }: { readonly bits: number; readonly where: string }): Uint8Array {
  const colours = 2 ** bits
  const own = numbers('palette')
  if (own === undefined || own.length < 3 * colours) {
    throw new PareError(
      `${where}: a TIFF with ${own === undefined ? 'no palette' : `a palette of ${own.length} numbers`}, and its pixels are numbers of ${colours} colours.`,
      {
        hint: 'write it again.',
      },
    )
  }
  // Some writers store 8 bits.
  const shift = own.some((each) => each > 255) ? 8 : 0
  return Uint8Array.from({ length: 3 * colours }, (_, i) => own[(i % 3) * colours + Math.floor(i / 3)]! >> shift)
}
