import type { Payload } from '@pare/onnx'
import type { Bits, Chunk, Kernel, Precision } from '../backend/backend.js'
import { randomStream } from '../backend/random.js'
import { bitsOf, elementsOf, floatsOf, floatType, widthOf } from '../backend/stream.js'
import type { Weight } from '../contract/contract.js'
import { maskedIn, stripesFor } from '../patterns/masked-in.js'
import { wholeStripes } from '../patterns/stripes.js'
import type { MaskedWeight, MaskRule } from '../plan/plan.js'
import { saliencyOf } from '../select/saliency.js'
import type { Threshold } from '../select/threshold.js'
import { hasBit, type MaskBits } from './mask-bits.js'

export interface Masking {
  readonly entry: MaskedWeight
  readonly precision: Precision
  readonly kernel: Kernel
  readonly seed: number
  /** The bits of an entry that holds them. */
  readonly unpack: (rule: MaskBits) => Uint8Array
}

/** The payload of a weight with the rule applied to whatever stretch is read. */
export function maskedPayload(weight: Weight, masking: Masking): Payload {
  const { id, tensor } = weight
  const { entry, precision, seed } = masking
  const stream = randomStream(seed, id)
  const width = widthOf(tensor)
  const type = floatType(tensor)
  const stripes = 'bits' in entry.rule ? { period: 1, step: 1 } : stripesFor(entry.rule, weight)
  const elements = elementsOf(tensor)
  return { byteLength: tensor.data.byteLength, read }

  async function read(target: Uint8Array, offset: number): Promise<void> {
    const end = Math.min(Math.ceil((offset + target.byteLength) / width), elements)
    const [first, last] = wholeStripes(stripes, Math.floor(offset / width), end)
    const fits = first * width === offset && last * width === offset + target.byteLength && target.byteOffset % width === 0
    const bytes = fits ? target : new Uint8Array((last - first) * width)
    await tensor.data.read(bytes, first * width)
    const chunk = { weights: floatsOf(bytes, type, precision), start: first, stream }
    await maskBy(entry.rule, chunk, { weight, masking, bits: bitsOf(bytes, type) })
    if (!fits) target.set(bytes.subarray(offset - first * width).subarray(0, target.byteLength))
  }
}

interface Stretch {
  readonly weight: Weight
  readonly masking: Masking
  /** Zeroed where masked. */
  readonly bits: Bits
}

async function maskBy(rule: MaskRule, chunk: Chunk, { weight, masking: { kernel, unpack }, bits }: Stretch): Promise<void> {
  if ('bits' in rule) return maskBits(chunk, unpack(rule), bits)
  if (isThreshold(rule)) return maskChunk(chunk, rule, { kernel, bits })
  const mask = maskedIn(rule, { saliency: await saliencyOf(kernel, chunk), start: chunk.start }, weight)
  const width = bits.length / mask.length
  for (let i = 0; i < bits.length; i++) if (mask[Math.floor(i / width)] === 1) bits[i] = 0
}

function isThreshold(rule: MaskRule): rule is Threshold {
  return !('bits' in rule || 'm' in rule || 'tile' in rule || Array.isArray(rule.below))
}

function maskBits({ weights: { length }, start }: Chunk, mask: Uint8Array, bits: Bits): void {
  const width = bits.length / length
  for (let i = 0; i < bits.length; i++) if (hasBit(mask, start + Math.floor(i / width))) bits[i] = 0
}

/** Ties are masked before element `until` only, so the chunk is split there. The kernel compares and zeroes in one loop. */
async function maskChunk(
  { weights, start, stream }: Chunk,
  { below, until }: Threshold,
  { kernel, bits }: { kernel: Kernel; bits: Bits },
): Promise<void> {
  if (below === null) return
  const split = Math.min(Math.max(until - start, 0), weights.length)
  const width = bits.length / weights.length
  await kernel.mask({ weights: weights.subarray(0, split), start, stream }, below, true, bits.subarray(0, split * width))
  await kernel.mask(
    { weights: weights.subarray(split), start: start + split, stream },
    below,
    false,
    bits.subarray(split * width),
  )
}
