/** Where the parts of a GIF's first frame lie. */
interface GifHeader {
  readonly width: number
  readonly height: number
  /** Of the palette for all frames, and of the first one's own. */
  readonly palettes: readonly { readonly at: number; readonly colours: number }[]
  /** The first frame: its place, and its bytes with what describes it. */
  readonly frame: { readonly width: number; readonly height: number; readonly begin: number; readonly end: number }
  readonly hasMoreFrames: boolean
}

/** Bytes before the first block: signature, size, and what palette there is. */
const HEAD = 13
const [EXTENSION, IMAGE] = [0x21, 0x2c]

/** Undefined where there is no frame. Throws RangeError where it is cut short. */
export function gifHeader(bytes: Uint8Array): GifHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const paletteAt = (at: number, flags: number) => (flags & 0x80 ? [{ at, colours: 2 ** ((flags & 7) + 1) }] : [])
  const blocksEnd = (from: number) => {
    let at = from
    for (let length = view.getUint8(at); length > 0; length = view.getUint8(at)) at += 1 + length
    return at + 1
  }
  const common = paletteAt(HEAD, view.getUint8(10))
  const begin = skipExtensions(view, HEAD + bytesOf(common), blocksEnd)
  if (view.getUint8(begin) !== IMAGE) return undefined
  const own = paletteAt(begin + 10, view.getUint8(begin + 9))
  const end = blocksEnd(begin + 10 + bytesOf(own) + 1)
  const next = end < bytes.length ? skipExtensions(view, end, blocksEnd) : end
  return {
    ...{ width: view.getUint16(6, true), height: view.getUint16(8, true), palettes: [...common, ...own] },
    frame: { width: view.getUint16(begin + 5, true), height: view.getUint16(begin + 7, true), begin, end },
    hasMoreFrames: next < bytes.length && bytes[next] === IMAGE,
  }
}

function skipExtensions(view: DataView, from: number, blocksEnd: (from: number) => number): number {
  let at = from
  while (at < view.byteLength && view.getUint8(at) === EXTENSION) at = blocksEnd(at + 2)
  return at
}

const bytesOf = (palettes: GifHeader['palettes']) => palettes.reduce((sum, { colours }) => sum + 3 * colours, 0)

/**
 * The pixels of a GIF's first frame by a library; the numbers of its palette's colours as greys where it is a mask. Colours that are transparent are what they are in the palette, as where Pillow makes
 * red, green and blue of them.
 */
export async function decodeGif(bytes: Uint8Array, { asGrey }: { readonly asGrey: boolean }) {
  const { palettes, frame } = gifHeader(bytes)!
  const own = Uint8Array.from(bytes)
  if (asGrey) for (const { at, colours } of palettes) for (let i = 0; i < colours; i++) own.fill(i, at + 3 * i, at + 3 * i + 3)
  const head = HEAD + bytesOf(palettes.filter(({ at }) => at === HEAD))
  const { decode } = await import('@cwasm/nsgif')
  // Extensions say what is transparent, and what comes after the frame is not looked at.
  return decode(Buffer.concat([own.subarray(0, head), own.subarray(frame.begin, frame.end), Uint8Array.of(0x3b)]))
}
