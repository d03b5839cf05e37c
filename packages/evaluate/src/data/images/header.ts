/** What a file of an image says of itself before it is decoded. */
export interface ImageHeader {
  readonly kind: 'png' | 'jpeg' | 'webp'
  readonly width: number
  readonly height: number
  /** As EXIF numbers it: 1 is upright. */
  readonly orientation?: number
  /** Of a JPEG: 4 where it has the colours of print. */
  readonly colours?: number
}

/** Undefined where it is none of these formats, or is cut short within its header. */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    if (view.getUint32(0) === 0x89504e47) return { kind: 'png', width: view.getUint32(16), height: view.getUint32(20) }
    if (view.getUint16(0) === 0xffd8) return jpegHeader(view)
    if (view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57454250) return webpHeader(view)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
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
