import { PareError } from '@pare/onnx'
import { decodeBmp } from './formats/bmp.js'
import { decodeGif } from './formats/gif.js'
import { decodeTiff } from './formats/tiff.js'
import { type ImageHeader, type ImageKind, imageKind, readImageHeader } from './header.js'
import type { Pixels } from './pixels.js'

/** No image has more: a small file may unpack to gigabytes. */
const MOST_PIXELS = 2 ** 26

/** The decoders are libraries in C as WebAssembly: what a crafted image does to one stays within its own memory. TIFF is read here, with what is packed unpacked by libraries. */
const DECODERS: Readonly<Record<ImageKind, (bytes: Uint8Array, where: string) => Promise<Pixels>>> = {
  png: async (bytes) => (await import('@cwasm/lodepng')).decode(bytes),
  jpeg: async (bytes) => (await import('@cwasm/jpeg-turbo')).decode(bytes),
  webp: async (bytes) => (await import('@cwasm/webp')).decode(bytes),
  bmp: (bytes, where) => decodeBmp(bytes, where, { asGrey: false }),
  gif: (bytes) => decodeGif(bytes, { asGrey: false }),
  tiff: decodeTiff,
}

/** What is read, as messages say it. */
export const IMAGE_FORMATS = 'PNG, JPEG, WebP, TIFF, BMP or GIF'

/** The pixels of a PNG, JPEG, WebP, BMP, of the first frame of a GIF or of the first page of a TIFF. `where` is for messages. Throws PareError for anything else, and for one that is damaged or huge. */
export async function decodeImage(
  bytes: Uint8Array,
  { where, orientation: asked }: { readonly where: string; readonly orientation?: 'stored' | 'upright' | undefined },
): Promise<Pixels> {
  const { kind, colours, orientation = 1 } = imageHeader(bytes, where)
  if (colours === 4) {
    throw new PareError(
      `${where}: a JPEG in the colours of print (CMYK), which loaders turn into red, green and blue each in their own way.`,
      {
        hint: "write it as your training read it: in Python Image.open(file).convert('RGB').save(file).",
      },
    )
  }
  const isTurned = orientation > 1 && orientation <= 8
  if (isTurned && asked === undefined) {
    throw new PareError(
      `${where}: the image is stored rotated (${kind === 'tiff' ? 'orientation' : 'EXIF orientation'} ${orientation}), and loaders differ in whether they turn it.`,
      {
        hint: `say it: evaluate: { image: { orientation: ${kind === 'tiff' ? "'upright' } } as Pillow loads TIFF, or 'stored' as tifffile and OpenCV do" : "'stored' } } as torchvision and Pillow load it, or 'upright' as datasets of Hugging Face does"}.`,
      },
    )
  }
  const image = await decoded(() => DECODERS[kind](bytes, where), { kind, where })
  return isTurned && asked === 'upright' ? upright(image, orientation) : image
}

/** What a decoder gives. Throws PareError where it gives up. */
export async function decoded<Image>(
  decode: () => Promise<Image>,
  { kind, where }: { readonly kind: ImageKind; readonly where: string },
): Promise<Image> {
  try {
    return await decode()
  } catch (cause) {
    if (cause instanceof PareError) throw cause
    throw new PareError(`${where}: the ${kind.toUpperCase()} cannot be decoded (${(cause as Error).message}).`, {
      hint: 'the file is cut short or damaged: fetch or write it again.',
      cause,
    })
  }
}

/** The header of an image that may be decoded. Throws PareError for what is no image, is cut short, and for more than 2²⁶ pixels: before anything is unpacked. */
export function imageHeader(bytes: Uint8Array, where: string): ImageHeader {
  const header = readImageHeader(bytes, where)
  if (header === undefined) throw noImage(bytes, where)
  const { width, height } = header
  if (width > 0 && height > 0 && width * height <= MOST_PIXELS) return header
  throw new PareError(
    `${where}: ${width} × ${height} pixels${width > 0 && height > 0 ? `, more than the ${MOST_PIXELS} allowed` : ''}.`,
    {
      hint: width > 0 && height > 0 ? 'make it smaller first.' : 'the file is damaged: fetch or write it again.',
    },
  )
}

function noImage(bytes: Uint8Array, where: string): PareError {
  const begin = Buffer.from(bytes.subarray(0, 8)).toString('latin1')
  const isPointer = Buffer.from(bytes.subarray(0, 40)).toString('latin1').startsWith('version https://git-lfs')
  return new PareError(
    isPointer
      ? `${where}: a Git LFS pointer, not the file itself.`
      : imageKind(bytes) !== undefined || begin.startsWith('RIFF')
        ? `${where}: the image is cut short: ${bytes.length} bytes.`
        : `${where}: not an image that is read; it begins with ${JSON.stringify(begin)}.`,
    {
      hint: isPointer
        ? 'fetch it with git lfs pull, or in a workflow with actions/checkout and lfs: true.'
        : `expected ${IMAGE_FORMATS}, whole.`,
    },
  )
}

/** The image as EXIF says it is to be seen. */
function upright({ data, width, height }: Pixels, orientation: number): Pixels {
  const isSwapped = orientation >= 5
  const [wide, high] = isSwapped ? [height, width] : [width, height]
  const result = new Uint8Array(data.length)
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      let [from, row] = isSwapped ? [y, x] : [x, y]
      // 2: mirrored; 3: by 180°; 4: upside down; 6: to be turned by 90°; 8: by 270°; 5 and 7: mirrored besides.
      if ([2, 3, 7, 8].includes(orientation)) from = width - 1 - from
      if ([3, 4, 6, 7].includes(orientation)) row = height - 1 - row
      for (let c = 0; c < 4; c++) result[4 * (y * wide + x) + c] = data[4 * (row * width + from) + c]!
    }
  }
  return { width: wide, height: high, data: result }
}
