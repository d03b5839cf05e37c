import { type Metric, type RecordedSample, type Replay, replayOf } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { ROUNDING, startSameness } from '../../metrics/sameness.js'
import { type Judge, type JudgedOutcome, sameOutputs } from '../judge.js'
import { type OpenRecording, openRecording, type RecordedOutcome } from './recording.js'
import { isInShare } from './share.js'

interface Replayed {
  readonly metrics: readonly Metric[]
  readonly batch: number
  readonly output: string
  /** Whether what the reference made is wanted. */
  readonly isCompared: boolean
}

/**
 * Gives what other machines recorded, in the order of the data, as if it had just been run. Throws PareError where the recordings are not all shares of
 * one evaluation of these data.
 */
export async function startReplay(
  paths: readonly string[],
  { metrics, batch: size, output, isCompared }: Replayed,
): Promise<Judge> {
  const recordings = await Promise.all(paths.map(openRecording))
  const shares = inOrder(recordings)
  for (const { path, header } of shares)
    if (header.batch !== size || header.output !== output || (isCompared && !header.hasReference))
      throw foreign(path, `batches of ${header.batch} of output '${header.output}'`, `batches of ${size} of output '${output}'`)
  const replays = metrics.map(replayOf)
  const [own, other] = [startSameness(ROUNDING), startSameness(ROUNDING)]
  return {
    metrics: replays.map(({ metric }) => metric),
    async judge(batch, { number }) {
      const { path, next } = shares.find(({ header }) => isInShare(header.share, number))!
      const line = await next()
      if ('end' in line || line.batch !== number || line.first !== batch.first || line.size !== batch.size)
        throw foreign(path, 'end' in line ? 'no more batches' : describeBatch(line), describeBatch({ ...batch, batch: number }))
      if (isCompared && line.reference === undefined) throw foreign(path, 'no reference', 'one')
      return {
        own: outcomeOf(line.own, replays, path),
        ...(isCompared && { reference: outcomeOf(line.reference!, replays, path) }),
      }
    },
    async finish({ batches, samples }) {
      let names: readonly string[] = []
      for (const { path, next } of shares) {
        const end = await next()
        if (!('end' in end) || end.batches !== batches || end.samples !== samples)
          throw foreign(path, 'end' in end ? `${end.samples} samples` : describeBatch(end), `${samples} samples`)
        own.join(end.own)
        if (end.reference !== undefined) other.join(end.reference)
        names = end.names
      }
      return { names, same: { own: sameOutputs(own), reference: sameOutputs(other) } }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/** All shares, each once. */
function inOrder(recordings: readonly OpenRecording[]): readonly OpenRecording[] {
  const [first] = recordings
  const count = first?.header.share.count ?? 0
  const sorted = [...recordings].sort((a, b) => a.header.share.index - b.header.share.index)
  const isWhole =
    sorted.length === count && sorted.every(({ header: { share } }, i) => share.index === i + 1 && share.count === count)
  if (isWhole) return sorted
  const there = sorted.map(({ header: { share } }) => `${share.index}/${share.count}`)
  throw new PareError(
    `evaluation: recordings of the shares ${there.join(', ') || 'of nothing'} are no whole, expected each share once.`,
    {
      hint: 'run the missing shards, and merge again.',
    },
  )
}

function outcomeOf({ samples, answers }: RecordedOutcome, replays: readonly Replay[], path: string): JudgedOutcome {
  if (samples.length !== replays.length) throw foreign(path, `${samples.length} metrics`, `${replays.length}`)
  const readable = (own: readonly RecordedSample[], replay: Replay) => own.map((sample) => replay.readable(sample))
  return { samples: samples.map((own, i) => readable(own, replays[i]!)), answers }
}

function describeBatch({ batch, first, size }: { batch: number; first: number; size: number }): string {
  return `batch ${batch} of the samples ${first} to ${first + size - 1}`
}

function foreign(path: string, is: string, expected: string): PareError {
  return new PareError(`evaluation: the recording ${path} holds ${is}, expected ${expected}.`, {
    hint: 'it is of other data or settings: run all shards on the same commit, and merge there.',
  })
}
