import { extname } from 'node:path'
import { elementCount, type OpenedFile, openRegular, PareError, readRegular } from '@pare/onnx'
import { MASK_ELEMENTS, ZeroBits } from './mask-elements.js'
import { headerLength, LENGTH_BYTES, parseHeader, type SafeTensor } from './safetensors.js'

/** A mask of one tensor. */
export interface TensorMask {
  readonly shape: readonly number[]
  /** Of its elements that are zero, as in a plan. */
  readonly zeros: Uint8Array
}

/** Reads the masks in a file, by name: an element that is 0 goes, everything else stays. `shown` is what messages call the file. */
export async function readMasks(path: string, shown: string): Promise<ReadonlyMap<string, TensorMask>> {
  const masks = extname(path) === '.npz' ? await readNpz(path, shown) : await readSafetensors(path, shown)
  if (masks.size > 0) return masks
  throw new PareError(`${shown} holds no masks.`, {
    hint: 'put one array for each weight into it, under the name of the weight.',
  })
}

async function readNpz(path: string, shown: string): Promise<Map<string, TensorMask>> {
  const { parseNpz } = await import('@pare/evaluate/npz')
  const arrays = parseNpz(await readRegular(path, { what: WHAT }), shown, MOST_BYTES, 'write large masks as .safetensors.')
  const masks = new Map<string, TensorMask>()
  for (const [name, { type, shape, data }] of arrays) {
    if (type === 'string') throw new PareError(`${shown}: '${name}' is text, and no mask.`, { hint: 'write zeros and ones.' })
    const zeros = new ZeroBits(elementCount(shape))
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    refuseNaN(zeros.add(bytes, MASK_ELEMENTS[type]), name, shown)
    masks.set(name, { shape, zeros: zeros.bits })
  }
  return masks
}

const WHAT = 'a file of masks'

/** Unpacked, they are in memory at once. */
const MOST_BYTES = 2 ** 31

async function readSafetensors(path: string, shown: string): Promise<Map<string, TensorMask>> {
  const file = await openRegular(path, WHAT)
  await using _ = file.handle
  const facts = { size: file.size, shown }
  const length = headerLength(await stretch(file, 0, Math.min(LENGTH_BYTES, file.size), shown), facts)
  const masks = new Map<string, TensorMask>()
  for (const tensor of parseHeader(await stretch(file, LENGTH_BYTES, length, shown), facts))
    masks.set(tensor.name, { shape: tensor.shape, zeros: await zerosIn(file, tensor, shown) })
  return masks
}

async function zerosIn(file: OpenedFile, { name, type, shape, offset, bytes }: SafeTensor, shown: string): Promise<Uint8Array> {
  const zeros = new ZeroBits(elementCount(shape))
  for (let at = 0; at < bytes; at += PIECE)
    refuseNaN(zeros.add(await stretch(file, offset + at, Math.min(PIECE, bytes - at), shown), MASK_ELEMENTS[type]), name, shown)
  return zeros.bits
}

const PIECE = 2 ** 20

async function stretch({ handle }: OpenedFile, offset: number, length: number, shown: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const { bytesRead } = await handle.read(bytes, 0, length, offset)
  if (bytesRead === length) return bytes
  throw new PareError(`${shown} ends at byte ${offset + bytesRead}, while it is read.`, {
    hint: 'run again when nothing replaces it.',
  })
}

function refuseNaN(at: number | undefined, name: string, shown: string): void {
  if (at === undefined) return
  throw new PareError(
    `${shown}: element ${at} of '${name}' is NaN; 0 was expected for what goes, anything else for what stays.`,
    {
      hint: 'write the mask as bools: mask.bool()',
    },
  )
}
