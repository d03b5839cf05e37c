import { extname } from 'node:path'
import { chunks, elementCount, filePayload, openRegular, PareError, readRegular } from '@pare/onnx'
import { MASK_ELEMENTS, ZeroBits } from './mask-elements.js'
import { readHeader } from './safetensors.js'

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
  const { tensors } = await readHeader(file, { path, shown, content: 'masks' })
  const masks = new Map<string, TensorMask>()
  for (const { name, type, shape, offset, bytes } of tensors) {
    const zeros = new ZeroBits(elementCount(shape))
    for await (const piece of chunks(filePayload(file.handle, { path: shown, offset }, bytes)))
      refuseNaN(zeros.add(piece.bytes, MASK_ELEMENTS[type]), name, shown)
    masks.set(name, { shape, zeros: zeros.bits })
  }
  return masks
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
