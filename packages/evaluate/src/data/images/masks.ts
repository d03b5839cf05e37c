import { crc32 } from 'node:zlib'
import { PareError } from '@pare/onnx'
import type { NdArray } from '../ndarray.js'
import { decoded, decodeImage, imageHeader } from './decode.js'
import { decodeBmp } from './formats/bmp.js'
import { decodeGif } from './formats/gif.js'
import { decodeTiffMask } from './formats/tiff.js'
import type { Size } from './image-steps.js'
import type { ClassMask, Pixels } from './pixels.js'
import type { Placement } from './placement.js'

/** A mask that is drawn, and whether its classes have the numbers of the model. */
export interface NumberedMask extends ClassMask {
  readonly isNumbered: boolean
}

/** What does not count, and is no byte. */
const NO_LABEL = -100

/** Colour types of PNG. */
const [GREY, PALETTE] = [0, 3] as const

/**
 * The classes in a PNG, BMP, TIFF or GIF: the numbers of its palette's colours, its greys as they are stored, or colours that are all grey. `where` is for messages. Throws PareError for colours, greys
 * of 16 bits and other formats, in which what is stored is no class.
 */
export async function decodeMask(bytes: Uint8Array, where: string): Promise<ClassMask> {
  const { kind, bits } = imageHeader(bytes, where)
  switch (kind) {
    case 'jpeg':
    case 'webp':
      throw new PareError(`${where}: a mask as ${kind.toUpperCase()}, whose pixels are no longer what was written.`, {
        hint: 'write masks as PNG, with a palette or in grey, each pixel the number of its class.',
      })
    case 'tiff':
      return (
        (await decoded(() => decodeTiffMask(bytes, where), { kind, where })) ??
        greyClasses(await decodeImage(bytes, { where }), where)
      )
    case 'bmp':
      return greyClasses(await decoded(() => decodeBmp(bytes, where, { asGrey: bits! <= 8 }), { kind, where }), where)
    case 'gif':
      return greyClasses(await decoded(() => decodeGif(bytes, { asGrey: true }), { kind, where }), where)
    case 'png':
      return await pngClasses(bytes, where)
    default:
      return kind satisfies never
  }
}

async function pngClasses(bytes: Uint8Array, where: string): Promise<ClassMask> {
  const [depth, colours] = [bytes[24] ?? 0, bytes[25] ?? 0]
  if (depth > 8) {
    throw new PareError(`${where}: a mask of ${depth} bits for each pixel.`, { hint: 'write it with 8: classes 0 to 255.' })
  }
  const isStored = colours === GREY || colours === PALETTE
  const pixels = await decodeImage(isStored ? asGrey(bytes) : bytes, { where })
  return greyClasses(pixels, where, 2 ** (isStored ? depth : 8) - 1)
}

/** Greys as classes, the brightest of which is the last of `levels`. Throws PareError for colours. */
function greyClasses({ width, height, data }: Pixels, where: string, levels = 255): ClassMask {
  const classes = new Uint8Array(width * height)
  for (let i = 0; i < classes.length; i++) {
    const [red, green, blue] = [data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!]
    if (red !== green || red !== blue) throw coloured(where, [red, green, blue])
    classes[i] = Math.round((red * levels) / 255)
  }
  return { width, height, data: classes }
}

function coloured(where: string, colour: readonly number[]): PareError {
  return new PareError(`${where}: a mask in colours, such as ${colour.join(', ')}, and which class each is, is not known.`, {
    hint: "write it with a palette or in grey, each pixel the number of its class: in Python Image.fromarray(classes.astype('uint8')).save(file).",
  })
}

/** The PNG as one of greys, with what it stores of each pixel as its brightness: its decoder looks colours of a palette up. */
function asGrey(bytes: Uint8Array): Uint8Array {
  const source = Buffer.from(bytes)
  const parts = [source.subarray(0, 8)]
  for (let at = 8; at + 12 <= source.length; ) {
    const end = at + 12 + source.readUInt32BE(at)
    const type = source.toString('latin1', at + 4, at + 8)
    if (type === 'IHDR') {
      const chunk = Buffer.from(source.subarray(at, end))
      chunk[17] = GREY
      chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4)
      parts.push(chunk)
    } else if (type === 'IDAT' || type === 'IEND') parts.push(source.subarray(at, end))
    at = end
  }
  return Buffer.concat(parts)
}

export interface MaskPlace {
  /** Where the image went. */
  readonly placement: Placement
  /** What the model takes. */
  readonly frame: Size
  /** Whether classes count from 1, and 0 does not count, as `do_reduce_labels` of a preprocessor_config.json says. */
  readonly isReduced: boolean
  /** For messages. */
  readonly where: string
}

/** A mask where its image went, by the nearest pixel: i32[height, width] of the frame, −100 where the image is not. A mask may be smaller or larger than its image. */
export function placeMask(mask: ClassMask, { placement, frame, isReduced, where }: MaskPlace): NdArray {
  const { from, across, down, left, top, isTurned } = placement
  const [wide, high] = [mask.width / from.width, mask.height / from.height]
  if (isTurned || Math.abs(wide / high - 1) > 0.02) {
    throw new PareError(
      isTurned
        ? `${where}: a mask of an image that its preprocessor_config.json turns by 90° (do_align_long_axis).`
        : `${where}: a mask of ${mask.width} × ${mask.height} pixels for an image of ${from.width} × ${from.height}.`,
      { hint: 'write images and masks as the model takes them as .npz.' },
    )
  }
  const data = new Int32Array(frame.width * frame.height).fill(NO_LABEL)
  const columns = Array.from({ length: frame.width }, (_, x) => Math.floor(((x + 0.5 - left) / across) * wide))
  for (let y = 0; y < frame.height; y++) {
    const row = Math.floor(((y + 0.5 - top) / down) * high)
    if (row < 0 || row >= mask.height) continue
    for (const [x, column] of columns.entries()) {
      if (column < 0 || column >= mask.width) continue
      const one = mask.data[row * mask.width + column]!
      data[y * frame.width + x] = !isReduced || one === IGNORED ? one : one === 0 ? IGNORED : one - 1
    }
  }
  return { type: 'int32', shape: [frame.height, frame.width], data }
}

/** As segmentation data sets mark the edges of things. */
const IGNORED = 255

/** Whether masks hold nothing but 0 and 255, so that 255 may be a class, or a place that does not count. */
export function areTwofold(masks: readonly ClassMask[]): boolean {
  const values = new Set<number>()
  for (const { data } of masks) for (const one of data) values.add(one)
  return values.has(IGNORED) && [...values].every((one) => one === 0 || one === IGNORED)
}
