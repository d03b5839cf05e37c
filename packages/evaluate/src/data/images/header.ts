import { bmpHeader, isBmp } from './formats/bmp.js'
import { gifHeader } from './formats/gif.js'
import { isTiff, tiffDirectory } from './formats/tiff-directory.js'

export type ImageKind = 'png' | 'jpeg' | 'webp' | 'bmp' | 'gif' | 'tiff'

/** What a file of an image says of itself before it is decoded. */
export interface ImageHeader {
  readonly kind: ImageKind
  readonly width: number
  readonly height: number
  /** As EXIF numbers it: 1 is upright. */
  readonly orientation?: number
  /** Of a JPEG: 4 where it has the colours of print. */
  readonly colours?: number
  /** Of a channel, where that is known before it is decoded. */
  readonly bits?: number
  /** Whether there are further frames or pages, which are not read. */
  readonly hasMore?: boolean
}

/** The format of an image, by how it begins. */
export function imageKind(bytes: Uint8Array): ImageKind | undefined {
  const begin = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  if (begin.startsWith('\x89PNG')) return 'png'
  if (begin.startsWith('\xff\xd8')) return 'jpeg'
  if (begin.startsWith('RIFF') && begin.endsWith('WEBP')) return 'webp'
  if (/^GIF8[79]a/.test(begin)) return 'gif'
  if (isBmp(bytes)) return 'bmp'
  return isTiff(bytes) ? 'tiff' : undefined
}

/** Undefined where it is none of these formats, or is cut short within its header. Throws PareError for a TIFF of a kind that is not read. `where` is for messages. */
export function readImageHeader(bytes: Uint8Array, where = ''): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind = imageKind(bytes)
  try {
    switch (kind) {
      case undefined:
        return undefined
      case 'png':
        return { kind, width: view.getUint32(16), height: view.getUint32(20), bits: view.getUint8(24) }
      case 'jpeg':
        return jpegHeader(view)
      case 'webp':
        return webpHeader(view)
      case 'bmp':
        return { kind, ...bmpHeader(bytes) }
      case 'gif':
        return gifImageHeader(bytes)
      case 'tiff':
        return tiffImageHeader(bytes, where)
      default:
        return kind satisfies never
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}

function gifImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const header = gifHeader(bytes)
  if (header === undefined) return undefined
  const { width, height, frame, hasMoreFrames } = header
  // The library makes the image larger where the frame is.
  return { kind: 'gif', width: Math.max(width, frame.width), height: Math.max(height, frame.height), hasMore: hasMoreFrames }
}

function tiffImageHeader(bytes: Uint8Array, where: string): ImageHeader {
  const { width, height, orientation, hasMorePages, numbers } = tiffDirectory(bytes, where)
  return { kind: 'tiff', width, height, orientation, hasMore: hasMorePages, bits: numbers('bits')?.[0] ?? 1 }
}

/** Walks over the segments to the frame. */
function jpegHeader(view: DataView): ImageHeader | undefined {
  let at = 2
  let orientation: number | undefined
  for (;;) {
    if (view.getUint8(at) !== 0xff) return undefined
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) {
      at++
      continue
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) {
      const size = { width: view.getUint16(at + 7), height: view.getUint16(at + 5), colours: view.getUint8(at + 9) }
      return { kind: 'jpeg', ...size, ...(orientation !== undefined && { orientation }) }
    }
    if (marker === 0xda || marker === 0xd9) return undefined
    if (marker === 0xe1) orientation ??= exifOrientation(view, at + 4)
    at += marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7) ? 2 : 2 + view.getUint16(at + 2)
  }
}

function exifOrientation(view: DataView, at: number): number | undefined {
  if (view.getUint32(at) !== 0x45786966) return undefined
  const start = at + 6
  const little = view.getUint16(start) === 0x4949
  const first = start + view.getUint32(start + 4, little)
  const count = view.getUint16(first, little)
  for (let i = 0; i < count; i++) {
    const entry = first + 2 + 12 * i
    if (view.getUint16(entry, little) === 0x0112) return view.getUint16(entry + 8, little)
  }
  return undefined
}

function webpHeader(view: DataView): ImageHeader | undefined {
  const kind = view.getUint32(12)
  const u24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
  if (kind === 0x56503858) return { kind: 'webp', width: u24(24) + 1, height: u24(27) + 1 }
  if (kind === 0x56503820)
    return { kind: 'webp', width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
  if (kind !== 0x5650384c) return undefined
  const bits = view.getUint32(21, true)
  return { kind: 'webp', width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
}
