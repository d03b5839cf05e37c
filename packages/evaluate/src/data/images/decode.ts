import { PareError } from '@pare/onnx'
import { readImageHeader } from './header.js'

/** u8[height, width, 4]: red, green, blue, alpha. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Uint8ClampedArray
}

/** No image has more: a small file may unpack to gigabytes. */
const MOST_PIXELS = 2 ** 26

/** How files of these formats begin. */
const KNOWN = /^(\x89PNG|\xff\xd8|RIFF)/

/** The decoders are libraries in C as WebAssembly: what a crafted image does to one stays within its own memory. */
const DECODERS = {
  png: () => import('@cwasm/lodepng'),
  jpeg: () => import('@cwasm/jpeg-turbo'),
  webp: () => import('@cwasm/webp'),
} as const

/** The pixels of a PNG, JPEG or WebP. `where` is for messages. Throws PareError for anything else, and for one that is damaged or huge. */
export async function decodeImage(
  bytes: Uint8Array,
  { where, orientation: asked }: { readonly where: string; readonly orientation?: 'stored' | 'upright' | undefined },
): Promise<Pixels> {
  const header = readImageHeader(bytes)
  if (header === undefined) {
    const begin = Buffer.from(bytes.subarray(0, 8)).toString('latin1')
    const isPointer = Buffer.from(bytes.subarray(0, 40)).toString('latin1').startsWith('version https://git-lfs')
    throw new PareError(
      isPointer
        ? `${where}: a Git LFS pointer, not the file itself.`
        : KNOWN.test(begin)
          ? `${where}: the image is cut short: ${bytes.length} bytes.`
          : `${where}: not an image that is read; it begins with ${JSON.stringify(begin)}.`,
      {
        hint: isPointer
          ? 'fetch it with git lfs pull, or in a workflow with actions/checkout and lfs: true.'
          : 'expected PNG, JPEG or WebP, whole.',
      },
    )
  }
  const { kind, width, height, orientation = 1 } = header
  if (!(width > 0 && height > 0 && width * height <= MOST_PIXELS)) {
    throw new PareError(`${where}: ${width} × ${height} pixels, more than the ${MOST_PIXELS} allowed.`, {
      hint: 'make it smaller first.',
    })
  }
  if (header.colours === 4) {
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
      `${where}: the image is stored rotated (EXIF orientation ${orientation}), and loaders differ in whether they turn it.`,
      {
        hint: "say it: evaluate: { image: { orientation: 'stored' } } as torchvision and Pillow load it, or 'upright' as datasets of Hugging Face does.",
      },
    )
  }
  const { decode } = await DECODERS[kind]()
  try {
    const image = decode(bytes)
    return isTurned && asked === 'upright' ? upright(image, orientation) : image
  } catch (cause) {
    throw new PareError(`${where}: the ${kind.toUpperCase()} cannot be decoded (${(cause as Error).message}).`, {
      hint: 'the file is cut short or damaged: fetch or write it again.',
      cause,
    })
  }
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
