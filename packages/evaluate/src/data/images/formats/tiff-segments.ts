import { inflateSync } from 'node:zlib'
import { PareError } from '@pare/onnx'
import { unpackLzw } from './lzw.js'
import type { TiffDirectory, TiffForm } from './tiff-directory.js'

/** A strip of rows, or a tile, of all samples or of one. */
interface TiffSegment {
  readonly index: number
  readonly left: number
  readonly top: number
  /** The sample that it holds. Undefined: all of them */
  readonly plane: number | undefined
}

interface SegmentReader {
  readonly segments: readonly TiffSegment[]
  /** Pixels in a row and rows, where it is whole, and samples of a pixel. */
  readonly perSegment: { readonly width: number; readonly height: number; readonly samples: number }
  /** u8[height, width, samples] of one segment, of 16 bits the high 8. */
  read(index: number): Promise<Uint8Array>
}

interface SegmentOptions {
  readonly directory: TiffDirectory
  readonly form: TiffForm
  readonly where: string
}

const PACKINGS: Readonly<Record<number, string>> = {
  2: 'CCITT (fax)',
  3: 'CCITT (fax)',
  4: 'CCITT (fax)',
  6: 'JPEG of the old kind',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  50000: 'Zstandard',
  50001: 'WebP',
}

/** Reads the strips or tiles of a page. Throws PareError where they are packed in a way that is not read. */
export function segmentReader(bytes: Uint8Array, { directory, form, where }: SegmentOptions): SegmentReader {
  const { width, height, numbers } = directory
  const compression = numbers('compression')?.[0] ?? 1
  const predictor = numbers('predictor')?.[0] ?? 1
  const isApart = form.samples > 1 && numbers('planar')?.[0] === 2
  refuseForm({ compression, predictor, isApart }, { form, where })
  const [wide, high] = [numbers('tileWidth')?.[0], numbers('tileHeight')?.[0]]
  const isTiled = wide !== undefined && high !== undefined
  const [offsets, lengths] = [numbers(isTiled ? 'tileOffsets' : 'stripOffsets'), numbers(isTiled ? 'tileBytes' : 'stripBytes')]
  const perSegment = {
    ...{ width: isTiled ? wide : width, height: isTiled ? high : Math.min(height, numbers('rowsPerStrip')?.[0] ?? height) },
    samples: isApart ? 1 : form.samples,
  }
  // A tile may be larger than the image, and a whole one is unpacked.
  if (
    !(perSegment.width > 0 && perSegment.height > 0 && perSegment.width * perSegment.height * perSegment.samples <= MOST_SEGMENT)
  )
    throw damaged(where, `${isTiled ? 'tiles' : 'strips'} of ${perSegment.width} × ${perSegment.height} pixels`)
  const [across, down] = [Math.ceil(width / perSegment.width), Math.ceil(height / perSegment.height)]
  const planes = isApart ? form.samples : 1
  if (offsets === undefined || lengths === undefined || Math.min(offsets.length, lengths.length) < across * down * planes)
    throw damaged(where, `${Math.min(offsets?.length ?? 0, lengths?.length ?? 0)} of ${across * down * planes} parts`)
  const segments = Array.from({ length: across * down * planes }, (_, index): TiffSegment => {
    const at = index % (across * down)
    const [left, top] = [(at % across) * perSegment.width, Math.floor(at / across) * perSegment.height]
    return { index, left, top, plane: isApart ? Math.floor(index / (across * down)) : undefined }
  })
  const rowBytes = Math.ceil((perSegment.width * perSegment.samples * form.bits) / 8)
  return {
    ...{ segments, perSegment },
    async read(index) {
      const [from, length] = [offsets[index]!, lengths[index]!]
      if (from + length > bytes.length) throw new RangeError('a part lies beyond the end')
      const own = bytes.subarray(from, from + length)
      // The last strip has only the rows that are left; a tile is always whole.
      const rows = isTiled ? perSegment.height : Math.min(perSegment.height, height - segments[index]!.top)
      if (compression === 7) return await fromJpeg(own, { directory, perSegment: { ...perSegment, height: rows }, form, where })
      const plain = unpacked(own, { compression, size: rowBytes * rows, most: rowBytes * perSegment.height })
      if (plain === undefined) throw damaged(where, `part ${index + 1} of ${segments.length}`)
      return samplesOf(plain, { form, perSegment, rowBytes, isLittle: directory.isLittle, isDifferences: predictor === 2 })
    },
  }
}

const MOST_SEGMENT = 2 ** 28

function refuseForm(
  { compression, predictor, isApart }: { readonly compression: number; readonly predictor: number; readonly isApart: boolean },
  { form, where }: Pick<SegmentOptions, 'form' | 'where'>,
): void {
  const isRead = [1, 5, 7, 8, 32773, 32946].includes(compression)
  const what = !isRead
    ? `packed with ${PACKINGS[compression] ?? `compression ${compression}`}`
    : predictor !== 1 && !(predictor === 2 && form.bits >= 8)
      ? `packed with predictor ${predictor}`
      : compression === 7 && (isApart || form.bits !== 8 || ![1, 3].includes(form.samples))
        ? `packed with JPEG, of ${form.samples} samples of ${form.bits} bits`
        : undefined
  if (what === undefined) return
  throw new PareError(`${where}: a TIFF ${what}, which is not read.`, {
    hint: 'write it without packing, or with LZW or deflate: in Python Image.open(file).save(file, compression="tiff_lzw").',
  })
}

/** `size` bytes, or a few more where a writer filled the last strip up to `most`; undefined where it is damaged. */
function unpacked(
  bytes: Uint8Array,
  { compression, size, most }: { readonly compression: number; readonly size: number; readonly most: number },
): Uint8Array | undefined {
  if (compression === 1) return bytes.length < size ? undefined : bytes
  if (compression === 5) return unpackLzw(bytes, size)
  if (compression === 32773) return unpackRuns(bytes, size)
  try {
    const plain = inflateSync(bytes, { maxOutputLength: Math.max(1, most) })
    return plain.length < size ? undefined : plain
  } catch {
    return undefined
  }
}

/** PackBits (TIFF 6.0, section 9): a byte says how many follow, or how often the next is repeated. */
function unpackRuns(bytes: Uint8Array, size: number): Uint8Array | undefined {
  const out = new Uint8Array(size)
  let [at, done] = [0, 0]
  while (done < size) {
    if (at + 1 >= bytes.length) return undefined
    const head = bytes[at++]!
    if (head === 128) continue
    const count = head < 128 ? head + 1 : 257 - head
    if (head < 128) out.set(bytes.subarray(at, at + Math.min(count, size - done)), done)
    else out.fill(bytes[at]!, done, done + count)
    at += head < 128 ? count : 1
    done += count
  }
  return out
}

interface SampleForm extends Pick<SegmentReader, 'perSegment'> {
  readonly form: TiffForm
  readonly rowBytes: number
  readonly isLittle: boolean
  /** Whether each sample is the difference to that of the pixel before. */
  readonly isDifferences: boolean
}

/** Samples of 8 bits: each on its own where several share a byte, the high 8 of 16. */
function samplesOf(bytes: Uint8Array, { form, perSegment, rowBytes, isLittle, isDifferences }: SampleForm): Uint8Array {
  const [perRow, step] = [perSegment.width * perSegment.samples, perSegment.samples]
  const rows = Math.min(perSegment.height, Math.floor(bytes.length / rowBytes))
  const out = new Uint8Array(perRow * perSegment.height)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { bits } = form
  const row = new Uint16Array(perRow)
  for (let y = 0; y < rows; y++) {
    const from = y * rowBytes
    for (let i = 0; i < perRow; i++) {
      const own =
        bits === 8
          ? bytes[from + i]!
          : bits === 16
            ? view.getUint16(from + 2 * i, isLittle)
            : (bytes[from + ((i * bits) >> 3)]! >> (8 - bits - ((i * bits) & 7))) & (2 ** bits - 1)
      // Sums are modulo 2^16; of 8 bits the low ones are looked at.
      row[i] = isDifferences && i >= step ? own + row[i - step]! : own
    }
    for (let i = 0; i < perRow; i++) out[y * perRow + i] = bits === 16 ? row[i]! >> 8 : row[i]!
  }
  return out
}

/** A segment that is a JPEG of its own, whose tables stand apart. */
async function fromJpeg(
  bytes: Uint8Array,
  { directory, perSegment, form, where }: SegmentOptions & Pick<SegmentReader, 'perSegment'>,
): Promise<Uint8Array> {
  const { readImageHeader } = await import('../header.js')
  const tables = Uint8Array.from(directory.numbers('jpegTables') ?? [])
  const isColours = directory.numbers('photometric')?.[0] === 6
  const jpeg = Buffer.concat([
    Uint8Array.of(0xff, 0xd8),
    // Adobe's mark says whether colours are stored as they are: what decoders take them for otherwise is YCbCr.
    ...(form.samples === 3 ? [Buffer.from(`ffee000e41646f62650064000000000${isColours ? 1 : 0}`, 'hex')] : []),
    tables.subarray(2, -2),
    bytes.subarray(2),
  ])
  const header = readImageHeader(jpeg)
  if (
    header?.kind !== 'jpeg' ||
    header.width < perSegment.width ||
    header.height < perSegment.height ||
    header.width * header.height > MOST_SEGMENT
  )
    throw damaged(where, 'a part in JPEG')
  const { decode } = await import('@cwasm/jpeg-turbo')
  const { data, width } = decode(jpeg)
  const out = new Uint8Array(perSegment.width * perSegment.height * form.samples)
  for (let y = 0; y < perSegment.height; y++)
    for (let x = 0; x < perSegment.width; x++)
      for (let c = 0; c < form.samples; c++) out[(y * perSegment.width + x) * form.samples + c] = data[4 * (y * width + x) + c]!
  return out
}

function damaged(where: string, what: string): PareError {
  return new PareError(`${where}: the TIFF cannot be decoded (${what}).`, {
    hint: 'the file is cut short or damaged: fetch or write it again.',
  })
}
