import { PareError, readRegular } from '@pare/onnx'
import { type NdArray, STORAGE, sizeOf } from '../../data/ndarray.js'

/** An array that lies in a file: its elements one after another, little-endian. */
export interface StoredArray extends Omit<NdArray, 'data'> {
  readonly path: string
}

/** Arrays that were read, as many of those used last as fit. */
export interface StoredArrays {
  /** The setting with the arrays themselves. Throws PareError where a file holds another number of elements. */
  read(setting: Readonly<Record<string, NdArray | StoredArray>>): Promise<Readonly<Record<string, NdArray>>>
}

const MOST_BYTES = 2 ** 31

export function openStoredArrays(mostBytes: number = MOST_BYTES): StoredArrays {
  // In the order of their last use.
  const kept = new Map<string, NdArray>()
  let bytes = 0
  const readOne = async (array: StoredArray): Promise<NdArray> => {
    const before = kept.get(array.path)
    kept.delete(array.path)
    const whole = before ?? (await arrayIn(array))
    kept.set(array.path, whole)
    if (before === undefined) bytes += whole.data.byteLength
    for (const [path, { data }] of kept) {
      if (bytes <= mostBytes || path === array.path) break
      kept.delete(path)
      bytes -= data.byteLength
    }
    return whole
  }
  return {
    async read(setting) {
      const arrays: Record<string, NdArray> = {}
      for (const [name, array] of Object.entries(setting)) arrays[name] = 'path' in array ? await readOne(array) : array
      return arrays
    },
  }
}

async function arrayIn({ path, type, shape }: StoredArray): Promise<NdArray> {
  const Storage = STORAGE[type]
  const content = await readRegular(path, { what: 'a stored array' })
  const expected = sizeOf(shape) * Storage.BYTES_PER_ELEMENT
  if (content.byteLength !== expected)
    throw new PareError(`${path} holds ${content.byteLength} bytes, and ${type}[${shape}] takes ${expected}.`, {
      hint: 'remove it: it is made again.',
    })
  // A copy of its own: elements must begin at a multiple of their size.
  return { type, shape, data: new Storage(new Uint8Array(content).buffer) as NdArray['data'] }
}
