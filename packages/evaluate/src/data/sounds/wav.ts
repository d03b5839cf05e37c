import { PareError } from '@pare/onnx'

export interface Sound {
  /** Samples a second. */
  readonly rate: number
  /** f32[frames], one channel, between −1 and 1. */
  readonly data: Float32Array
  /** In the file. */
  readonly channels: number
}

const [INTEGERS, FLOATS, EXTENSIBLE] = [1, 3, 0xfffe] as const

/** The sound in a WAV file, the mean of its channels. `where` is for messages. Throws PareError for anything else. */
export function decodeWav(bytes: Uint8Array, where: string): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const damaged = (what: string) =>
    new PareError(`${where}: ${what}.`, { hint: 'expected WAV with integers of 8, 16, 24 or 32 bits, or floats of 32 or 64.' })
  const tag = (at: number) => Buffer.from(bytes.subarray(at, at + 4)).toString('latin1')
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE')
    throw damaged(`not a WAV file, it begins with ${JSON.stringify(tag(0))}`)
  let format: { kind: number; channels: number; rate: number; bits: number } | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true)
    const start = at + 8
    if (tag(at) === 'fmt ') {
      if (size < 16 || start + size > bytes.length) throw damaged('the format of the WAV file is cut short')
      const code = view.getUint16(start, true)
      const kind = code === EXTENSIBLE && size >= 26 ? view.getUint16(start + 24, true) : code
      format = {
        kind,
        channels: view.getUint16(start + 2, true),
        rate: view.getUint32(start + 4, true),
        bits: view.getUint16(start + 14, true),
      }
    }
    if (tag(at) === 'data') {
      if (format === undefined) throw damaged('the WAV file has data before their format')
      if (start + size > bytes.length)
        throw damaged(`the WAV file is cut short: ${bytes.length - start} of ${size} bytes of sound`)
      const read = readerOf(view, format)
      const width = format.bits / 8
      const frames = Math.floor(size / (width * format.channels))
      if (read === undefined || format.channels === 0)
        throw damaged(`sound of kind ${format.kind} with ${format.bits} bits is not read`)
      const { rate, channels } = format
      return { rate, channels, data: meanOfChannels({ frames, channels }, (i) => read(start + i * width)) }
    }
    at = start + size + (size % 2)
  }
  throw damaged('the WAV file has no sound')
}

function meanOfChannels(
  { frames, channels }: { frames: number; channels: number },
  valueAt: (index: number) => number,
): Float32Array {
  const data = new Float32Array(frames)
  for (let i = 0; i < frames; i++) {
    let sum = 0
    for (let c = 0; c < channels; c++) sum += valueAt(i * channels + c)
    data[i] = sum / channels
  }
  return data
}

function readerOf(view: DataView, { kind, bits }: { kind: number; bits: number }): ((at: number) => number) | undefined {
  if (kind === FLOATS && bits === 32) return (at) => view.getFloat32(at, true)
  if (kind === FLOATS && bits === 64) return (at) => view.getFloat64(at, true)
  if (kind !== INTEGERS) return undefined
  if (bits === 8) return (at) => (view.getUint8(at) - 128) / 2 ** 7
  if (bits === 16) return (at) => view.getInt16(at, true) / 2 ** 15
  if (bits === 24) return (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23
  if (bits === 32) return (at) => view.getInt32(at, true) / 2 ** 31
  return undefined
}
