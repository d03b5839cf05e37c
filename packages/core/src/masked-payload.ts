import type { Payload } from '@pare/onnx'
import type { Bits, Chunk, Kernel, Precision } from './backend.js'
import type { Rows, Weight } from './contract.js'
import { hasBit, type MaskBits } from './mask-bits.js'
import type { MaskedWeight, MaskRule } from './plan.js'
import { randomStream } from './random.js'
import { type RowThresholds, rowOf } from './rows.js'
import { bitsOf, floatsOf, floatType, widthOf } from './stream.js'
import type { Threshold } from './threshold.js'

export interface Masking {
  readonly entry: MaskedWeight
  readonly precision: Precision
  readonly kernel: Kernel
  readonly seed: number
  /** The bits of an entry that holds them. */
  readonly unpack: (rule: MaskBits) => Uint8Array
}

/** The payload of a weight with the rule applied to whatever stretch is read. */
export function maskedPayload({ id, tensor, rows }: Weight, masking: Masking): Payload {
  const { entry, precision, seed } = masking
  const stream = randomStream(seed, id)
  const width = widthOf(tensor)
  const type = floatType(tensor)
  return { byteLength: tensor.data.byteLength, read }

  async function read(target: Uint8Array, offset: number): Promise<void> {
    const first = Math.floor(offset / width)
    const last = Math.ceil((offset + target.byteLength) / width)
    const fits = first * width === offset && last * width === offset + target.byteLength && target.byteOffset % width === 0
    const bytes = fits ? target : new Uint8Array((last - first) * width)
    await tensor.data.read(bytes, first * width)
    const chunk = { weights: floatsOf(bytes, type, precision), start: first, stream }
    maskBy(entry.rule, chunk, { rows, masking, bits: bitsOf(bytes, type) })
    if (!fits) target.set(bytes.subarray(offset - first * width).subarray(0, target.byteLength))
  }
}

interface Stretch {
  readonly rows: Rows
  readonly masking: Masking
  /** Zeroed where masked. */
  readonly bits: Bits
}

function maskBy(rule: MaskRule, chunk: Chunk, { rows, masking: { kernel, unpack }, bits }: Stretch): void {
  if ('bits' in rule) maskBits(chunk, unpack(rule), bits)
  else if (isRows(rule)) maskRows(chunk, (i) => rowOf(rows, i), { rule, kernel, bits })
  else maskChunk(chunk, rule, { kernel, bits })
}

function isRows(rule: Threshold | RowThresholds): rule is RowThresholds {
  return Array.isArray(rule.below)
}

function maskBits({ weights: { length }, start }: Chunk, mask: Uint8Array, bits: Bits): void {
  const width = bits.length / length
  for (let i = 0; i < length; i++) {
    if (hasBit(mask, start + i)) bits.fill(0, i * width, (i + 1) * width)
  }
}

/** Ties are masked before element `until` only, so the chunk is split there. */
function maskChunk(
  { weights, start, stream }: Chunk,
  { below, until }: Threshold,
  { kernel, bits }: { kernel: Kernel; bits: Bits },
): void {
  if (below === null) return
  const split = Math.min(Math.max(until - start, 0), weights.length)
  const width = bits.length / weights.length
  kernel.mask({ weights: weights.subarray(0, split), start, stream }, below, true, bits.subarray(0, split * width))
  kernel.mask({ weights: weights.subarray(split), start: start + split, stream }, below, false, bits.subarray(split * width))
}

function maskRows(
  chunk: Chunk,
  row: (element: number) => number,
  { rule, kernel, bits }: { rule: RowThresholds; kernel: Kernel; bits: Bits },
): void {
  const { weights, start } = chunk
  const saliency = weights instanceof Float32Array ? new Float32Array(weights.length) : new Float64Array(weights.length)
  kernel.saliency(chunk, saliency)
  const width = bits.length / weights.length
  for (let i = 0; i < weights.length; i++) {
    const r = row(start + i)
    const below = rule.below[r]!
    const s = saliency[i]!
    if (below !== null && (s < below || (s === below && start + i < rule.until[r]!))) bits.fill(0, i * width, (i + 1) * width)
  }
}
