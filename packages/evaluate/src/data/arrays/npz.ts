import { PareError } from '@pare/onnx'
import { type UnzipFileInfo, unzipSync } from 'fflate'
import type { DataArray } from '../ndarray.js'
import { parseNpy } from './npy.js'

/** The arrays of a .npz file by name, in the file's order. Throws when they would unpack to more than `maxBytes`, before unpacking any, with the hint. */
export function parseNpz(
  file: Uint8Array,
  name: string,
  maxBytes: number,
  hint = 'evaluate on fewer samples, or split the file.',
): Map<string, DataArray> {
  const entries: UnzipFileInfo[] = []
  unzip(file, name, (entry) => {
    if (entry.name.endsWith('.npy')) entries.push(entry)
    return false
  })
  const total = entries.reduce((sum, entry) => sum + entry.originalSize, 0)
  if (!(total <= maxBytes)) {
    throw new PareError(`${name}: its arrays unpack to ${total} bytes, more than the ${maxBytes} allowed.`, {
      hint,
    })
  }
  // fflate inflates into a buffer of the stated size: an entry that lies about it comes out cut short, and is refused as such.
  const files = unzip(file, name, (entry) => entry.name.endsWith('.npy'))
  return new Map(
    Object.entries(files).map(([entry, bytes]) => [entry.slice(0, -'.npy'.length), parseNpy(bytes, `${name}/${entry}`)]),
  )
}

function unzip(file: Uint8Array, name: string, filter: (entry: UnzipFileInfo) => boolean): Record<string, Uint8Array> {
  try {
    return unzipSync(file, { filter })
  } catch (cause) {
    throw new PareError(`${name}: not a readable zip archive (${(cause as Error).message}).`, {
      hint: 'expected a .npz file as numpy.savez or numpy.savez_compressed writes it.',
      cause,
    })
  }
}
