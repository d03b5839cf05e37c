import { type Batch, type NdArray, numbersOf, type Samples } from '@pare/evaluate'
import { PareError } from '@pare/onnx'
import { randomBelow, shuffled, streamOf } from './random.js'

/** Training data, mixed anew in each epoch, and what of them is held out. */
export interface SampleSource {
  /** Samples of an epoch. */
  readonly count: number
  /** Whether a number stands for the same sample in each epoch. */
  readonly isFixed: boolean
  /** `size` samples from `position` on, of the endless row of epochs. The numbers are those of samples in the data, of text those of windows. */
  at(position: number, size: number): DrawnBatch
  /** What is not trained on, in batches of at most `size`. */
  heldOut(size: number): DrawnBatch[]
  readonly held: number
}

export interface DrawnBatch {
  readonly batch: Batch
  readonly numbers: Uint32Array
}

export interface SourceOptions {
  readonly seed: number
  /** Samples that are not trained on; below 1 a share of all. */
  readonly holdOut: number
}

const MOST_HELD = 512
const MOST_WINDOWS = 64
/** Streams of random numbers: which samples are held out, the order of an epoch, where windows begin. */
const [HOLD, ORDER, BEGIN] = [1, 2, 3] as const

/**
 * Rows are drawn as they are, conversations and completions among them, of which not every token counts. Other text without labels is cut anew in each epoch:
 * its windows begin elsewhere.
 * Throws PareError where nothing is left to train on.
 */
export function openSource(data: Samples, options: SourceOptions): SampleSource {
  const isText = data.pick([0]).scored !== undefined && data.pick([0]).label === undefined && !isMasked(data)
  const held = heldOf(data.samples, isText ? MOST_WINDOWS : MOST_HELD, options.holdOut)
  return isText ? windowSource(data, held, options.seed) : rowSource(data, held, options.seed)
}

/** Whether some token that is followed by one that counts does not count itself, but for the first. */
function isMasked(data: Samples): boolean {
  const all = data.pick(Uint32Array.from({ length: data.samples }, (_, row) => row))
  const length = all.inputs[all.tokens!]!.shape[1]!
  const scored = numbersOf(all.scored!)
  for (let row = 0; row < data.samples; row++) {
    const own = scored.subarray(row * length, (row + 1) * length)
    const end = usedOf(own)
    for (let at = 1; at < end; at++) if (own[at] === 0) return true
  }
  return false
}

function heldOf(samples: number, most: number, share: number): number {
  if (!(share >= 0))
    throw new PareError(`retrain: ${share} samples held out, expected a number from 0 on.`, {
      hint: 'say holdOut: 0.1 for a tenth.',
    })
  const held = share < 1 ? Math.min(most, Math.round(share * samples)) : share
  if (held < samples) return held
  throw new PareError(`retrain: ${held} of ${samples} samples are held out, and none is left to train on.`, {
    hint: 'give more training data, or say holdOut: 0.',
  })
}

function rowSource(data: Samples, held: number, seed: number): SampleSource {
  const mixed = shuffled(streamOf(seed, HOLD), data.samples)
  const out = mixed.slice(0, held).sort()
  const rows = mixed.slice(held).sort()
  const order = lastOf((epoch) => shuffled(streamOf(seed, ORDER, epoch), rows.length))
  return {
    ...{ count: rows.length, isFixed: true, held },
    at(position, size) {
      const numbers = Uint32Array.from({ length: size }, (_, i) => {
        const epoch = Math.floor((position + i) / rows.length)
        return rows[order(epoch)[(position + i) % rows.length]!]!
      })
      return { batch: data.pick(numbers), numbers }
    },
    heldOut: (size) => parts(out, size).map((numbers) => ({ batch: data.pick(numbers), numbers })),
  }
}

function parts(numbers: Uint32Array, size: number): Uint32Array[] {
  return Array.from({ length: Math.ceil(numbers.length / size) }, (_, i) => numbers.subarray(i * size, (i + 1) * size))
}

/** Text is held out at its end, in windows as they are. What is before it is put together again, and cut where chance has it. */
function windowSource(data: Samples, held: number, seed: number): SampleSource {
  const rows = data.samples - held
  const texts = stretchesOf(data, rows)
  const { length } = texts
  const order = lastOf((epoch) => shuffled(streamOf(seed, ORDER, epoch), texts.windows))
  const placeOf = (epoch: number, window: number) => {
    const text = texts.of(window)
    const start =
      text.start + randomBelow(streamOf(seed, BEGIN, epoch), text.index, text.slack + 1) + (window - text.first) * length
    return { start, size: Math.min(length, text.end - start) }
  }
  return {
    ...{ count: texts.windows, isFixed: false, held },
    at(position, size) {
      const numbers = Uint32Array.from({ length: size }, (_, i) => {
        const epoch = Math.floor((position + i) / texts.windows)
        return order(epoch)[(position + i) % texts.windows]!
      })
      const cuts = [...numbers].map((window, i) => placeOf(Math.floor((position + i) / texts.windows), window))
      return { batch: texts.batch(cuts), numbers }
    },
    heldOut: (size) =>
      parts(
        Uint32Array.from({ length: held }, (_, i) => rows + i),
        size,
      ).map((numbers) => ({ batch: data.pick(numbers), numbers })),
  }
}

interface Stretch {
  readonly index: number
  /** Its first token, and the one behind its last. */
  readonly start: number
  readonly end: number
  /** Number of its first window. */
  readonly first: number
  /** By how many tokens its windows may begin later. */
  readonly slack: number
}

/** Windows that follow each other, as the text they were: one that is not full ends it. */
function stretchesOf(data: Samples, rows: number) {
  const all = data.pick(Uint32Array.from({ length: rows }, (_, i) => i))
  const ids = all.inputs[all.tokens!]!
  const length = ids.shape[1]!
  const scored = numbersOf(all.scored!)
  const stretches: Stretch[] = []
  let windows = 0
  let start = 0
  const close = (end: number) => {
    // One window less than fit, where two do: then each place of the text comes to lie in any place of a window.
    const count = Math.max(1, Math.floor((end - start) / length) - 1)
    const slack = Math.max(0, end - start - count * length)
    if (end - start > 1) stretches.push({ index: stretches.length, start, end, first: windows, slack })
    if (end - start > 1) windows += count
    start = end
  }
  for (let row = 0; row < rows; row++) {
    const size = usedOf(scored.subarray(row * length, (row + 1) * length))
    if (size === length && row < rows - 1) continue
    close(row * length + size)
    start = (row + 1) * length
  }
  const batch = (cuts: readonly { readonly start: number; readonly size: number }[]): Batch => {
    const shape = [cuts.length, length]
    const tokens = new (ids.data.constructor as BigInt64ArrayConstructor)(cuts.length * length)
    const counts = new Uint8Array(cuts.length * length)
    const attended = new Uint8Array(cuts.length * length)
    for (const [i, { start: from, size }] of cuts.entries()) {
      tokens.set(ids.data.subarray(from, from + size) as BigInt64Array, i * length)
      counts.fill(1, i * length + 1, i * length + size)
      attended.fill(1, i * length, i * length + size)
    }
    const mask: NdArray = { type: 'bool', shape, data: attended }
    const inputs = { ...all.inputs, [all.tokens!]: { ...ids, shape, data: tokens } as NdArray }
    const masked = inputs.attention_mask
    return {
      first: 0,
      size: cuts.length,
      inputs: masked === undefined ? inputs : { ...inputs, attention_mask: likeMask(masked, mask) },
      tokens: all.tokens!,
      scored: { type: 'bool', shape, data: counts },
    }
  }
  return { length, windows, batch, of: (window: number) => stretches.findLast(({ first }) => first <= window)! }
}

/** Tokens of a window that are not filling: the last that counts, and all before it. */
function usedOf(scored: ArrayLike<number>): number {
  for (let i = scored.length; i > 0; i--) if (scored[i - 1] !== 0) return i
  return 0
}

function likeMask({ type, data }: NdArray, mask: NdArray): NdArray {
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array
  const own = isBig
    ? BigInt64Array.from(mask.data as Uint8Array, BigInt)
    : new (data.constructor as Uint8ArrayConstructor)(mask.data as Uint8Array)
  return { type, shape: mask.shape, data: own }
}

/** Keeps what it made for the two numbers that were asked for last: batches lie across the border of two epochs. */
function lastOf<Result>(make: (number: number) => Result): (number: number) => Result {
  const results = new Map<number, Result>()
  return (number) => {
    const recent = results.get(number)
    if (recent !== undefined) return recent
    const result = make(number)
    for (const old of [...results.keys()].slice(0, -1)) results.delete(old)
    results.set(number, result)
    return result
  }
}
