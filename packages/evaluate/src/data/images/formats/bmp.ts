import { PareError } from '@pare/onnx'

/** What stands before the pixels of a BMP. */
interface BmpHeader {
  readonly width: number
  readonly height: number
  readonly bits: number
  /** Where the palette begins, how many colours it has, and how many bytes each of these. */
  readonly palette: { readonly at: number; readonly colours: number; readonly size: 3 | 4 }
  /** Bytes that pixels take that are not packed; 0 of packed ones. */
  readonly bytes: number
  readonly from: number
}

const SIZES = [12, 40, 52, 56, 64, 108, 124]

/** Whether bytes begin as those of a BMP. */
export function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d && bytes.length > 18 && SIZES.includes(viewOf(bytes).getUint32(14, true))
}

/** Throws RangeError where it is cut short within the header. */
export function bmpHeader(bytes: Uint8Array): BmpHeader {
  const view = viewOf(bytes)
  const size = view.getUint32(14, true)
  const isOld = size === 12
  const [width, height] = isOld
    ? [view.getUint16(18, true), view.getUint16(20, true)]
    : // From top to bottom where it is negative.
      [view.getInt32(18, true), Math.abs(view.getInt32(22, true))]
  const bits = view.getUint16(isOld ? 24 : 28, true)
  const compression = isOld ? 0 : view.getUint32(30, true)
  const used = isOld ? 0 : view.getUint32(46, true)
  const most = bits <= 8 ? 2 ** bits : 0
  const isPacked = compression === 1 || compression === 2
  return {
    ...{ width, height, bits, from: view.getUint32(10, true) },
    palette: { at: 14 + size, colours: used === 0 ? most : Math.min(used, most), size: isOld ? 3 : 4 },
    bytes: isPacked ? 0 : Math.ceil((width * bits) / 32) * 4 * height,
  }
}

/** The pixels of a BMP by a library; the numbers of its palette's colours as greys where it is a mask. `where` is for messages. */
export async function decodeBmp(bytes: Uint8Array, where: string, { asGrey }: { readonly asGrey: boolean }) {
  const header = bmpHeader(bytes)
  if (header.from + header.bytes > bytes.length) {
    throw new PareError(`${where}: the BMP is cut short: ${bytes.length} of ${header.from + header.bytes} bytes.`, {
      hint: 'fetch or write it again.',
    })
  }
  const { decode } = await import('@cwasm/nsbmp')
  return decode(asGrey ? withGreys(bytes, header.palette) : bytes)
}

/** Each colour of the palette as bright as its number. */
function withGreys(bytes: Uint8Array, { at, colours, size }: BmpHeader['palette']): Uint8Array {
  const own = Uint8Array.from(bytes)
  for (let i = 0; i < colours; i++) own.fill(i, at + size * i, at + size * i + 3)
  return own
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
