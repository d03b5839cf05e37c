import { PareError } from '@pare/onnx'
import { inputsFor } from '../../data/dataset.js'
import type { NdArray } from '../../data/ndarray.js'
import type { Session } from '../../process/runtime.js'
import type { TokenChoice } from './token-choice.js'
import { arrayFor, MOST_BYTES, runRows, scoresAt, tokensOf } from './token-rows.js'

/** Texts that are written on together, token by token. */
export interface TokenRun {
  /** The token that is chosen behind each text; NaN where a score is NaN. */
  first(): Promise<readonly number[]>
  /** The same once each text has one more token. */
  after(tokens: readonly number[]): Promise<readonly number[]>
}

export interface TokenPlace {
  /** Chooses a token by the scores behind a text, the number of which it is told. */
  readonly choose: TokenChoice
  /** Name of the output with the scores. */
  readonly output: string
  /** The number of the first sample, for messages. */
  readonly first: number
  /** How many texts the model takes at once, where that is fixed. */
  readonly fixed: number | undefined
}

/** Inputs that hold what a model has read so far, with the outputs that hold it afterwards. Undefined: it reads everything anew for each token. */
export function cacheOf({ inputs, outputs }: Pick<Session, 'inputs' | 'outputs'>): ReadonlyMap<string, string> | undefined {
  const pasts = inputs.filter(({ name }) => PAST.test(name))
  const pairs = pasts.map(({ name }) => [name, name.replace(/^past(_key_values?)?/, 'present')] as const)
  const isWhole = pairs.length > 0 && pairs.every(([, present]) => outputs.some(({ name }) => name === present))
  return isWhole ? new Map(pairs) : undefined
}

const PAST = /^past_key_values?[._]/

/** Texts of the same length, with the cache: the prompt is read once, and then one token at a time. */
export function cachedRun(
  session: Session,
  rows: readonly (readonly number[])[],
  { choose, output, first, fixed, cache }: TokenPlace & { readonly cache: ReadonlyMap<string, string> },
): TokenRun {
  const size = fixed ?? rows.length
  const filled = <Row>(each: readonly Row[]) => Array.from({ length: size }, (_, i) => each[i] ?? each.at(-1)!)
  const place = { output, first, cache }
  let state: ReadTokens | undefined
  const chosen = () => rows.map((_, row) => choose(scoresAt(state!.scores, row, state!.scores.shape[1]! - 1), row))
  return {
    async first() {
      const whole = filled(rows)
      const isShort = whole[0]!.length <= mostTokens(session, { output, size })
      // Attention of onnxruntime-genai's exports reads several tokens behind a cache for one text alone.
      if (isShort || fixed !== undefined) state = await readPrompt(session, whole, place)
      else {
        const apart: ReadTokens[] = []
        for (const row of whole) apart.push(await readPrompt(session, [row], place))
        state = together(apart)
      }
      return chosen()
    },
    async after(tokens) {
      state = await readBehind(session, filled(tokens.map((token) => [token])), { ...place, before: state })
      return chosen()
    },
  }
}

/** What a model has read of some texts. */
interface ReadTokens {
  readonly past: Readonly<Record<string, NdArray>>
  readonly length: number
  /** float[texts, tokens that were read last, vocabulary]. */
  readonly scores: NdArray
}

interface ReadPlace {
  readonly output: string
  readonly first: number
  readonly cache: ReadonlyMap<string, string>
}

/** Reads texts of one length, in stretches whose scores have room. */
async function readPrompt(session: Session, rows: readonly (readonly number[])[], place: ReadPlace): Promise<ReadTokens> {
  const most = mostTokens(session, { output: place.output, size: rows.length })
  let before: ReadTokens | undefined
  for (let at = 0; at < rows[0]!.length; at += most)
    before = await readBehind(
      session,
      rows.map((row) => row.slice(at, at + most)),
      { ...place, before },
    )
  return before!
}

/** Reads on, as many tokens of each text. */
async function readBehind(
  session: Session,
  ids: readonly (readonly number[])[],
  { output, first, cache, before }: ReadPlace & { readonly before: ReadTokens | undefined },
): Promise<ReadTokens> {
  const { past = {}, length = 0 } = before ?? {}
  const input = tokensOf(session)
  const [size, seq] = [ids.length, ids[0]!.length]
  const numbers = (width: number, of: (row: number, at: number) => number): NdArray => {
    const data = Float64Array.from({ length: size * width }, (_, i) => of(Math.floor(i / width), i % width))
    return { type: 'float64', shape: [size, width], data }
  }
  const own: Record<string, NdArray> = {
    [input.name]: numbers(seq, (row, at) => ids[row]![at]!),
    attention_mask: numbers(length + seq, () => 1),
    position_ids: numbers(seq, (_, at) => length + at),
    use_cache_branch: { type: 'float64', shape: [1], data: Float64Array.of(Number(length > 0)) },
  }
  const cast = session.inputs
    .filter(({ name }) => Object.hasOwn(own, name))
    .map((each) => [each.name, arrayFor(each, own[each.name]!)])
  const values = { ...(Object.fromEntries(cast) as Record<string, NdArray>), ...past }
  const arrays = inputsFor(session.inputs, { first, size, inputs: values, tokens: input.name })
  const results = await session.runAll(arrays).catch((cause: Error) => {
    throw new PareError(`${session.name}: ONNX Runtime fails on ${seq} tokens behind ${length} of a cache: ${cause.message}`, {
      hint: 'export the model with a free length of tokens and of the past.',
      cause,
    })
  })
  const byName = new Map(session.outputs.map(({ name }, i) => [name, results[i]!]))
  return {
    past: Object.fromEntries([...cache].map(([name, present]) => [name, byName.get(present)!])),
    length: length + seq,
    scores: byName.get(output)!,
  }
}

/** Texts of one length that were read one by one, as if they had been read at once: of the scores those behind the last token. */
function together(apart: readonly ReadTokens[]): ReadTokens {
  const [{ past, length }] = apart as readonly [ReadTokens]
  const joined = (arrays: readonly NdArray[]): NdArray => {
    const [{ type, shape, data }] = arrays as readonly [NdArray]
    const all = new (data.constructor as new (size: number) => NdArray['data'])(arrays.length * data.length)
    for (const [i, array] of arrays.entries()) all.set(array.data as never, i * data.length)
    return { type, shape: [shape[0]! * arrays.length, ...shape.slice(1)], data: all }
  }
  const last = ({ scores }: ReadTokens): NdArray => {
    const [, seq, vocabulary] = scores.shape as [number, number, number]
    return { ...scores, shape: [1, 1, vocabulary], data: scores.data.slice((seq - 1) * vocabulary) }
  }
  return {
    past: Object.fromEntries(Object.keys(past).map((name) => [name, joined(apart.map((each) => each.past[name]!))])),
    length,
    scores: joined(apart.map(last)),
  }
}

/** Of a prompt read at once, so that their scores have room. */
function mostTokens({ outputs }: Session, { output, size }: { readonly output: string; readonly size: number }): number {
  const vocabulary = outputs.find(({ name }) => name === output)?.shape[2]
  if (typeof vocabulary !== 'number') return Number.POSITIVE_INFINITY
  return Math.max(1, Math.floor(MOST_BYTES / (size * vocabulary * Float32Array.BYTES_PER_ELEMENT)))
}

/** Texts of any length, without a cache: all of them are read anew for each token. */
export function uncachedRun(session: Session, rows: readonly (readonly number[])[], place: TokenPlace): TokenRun {
  const written = rows.map((row) => [...row])
  const next = async () => {
    const scores = await runRows(session, { ...place, rows: written })
    return written.map(({ length }, row) => place.choose(scoresAt(scores, row, length - 1), row))
  }
  return {
    first: next,
    after(tokens) {
      for (const [i, token] of tokens.entries()) written[i]!.push(token)
      return next()
    },
  }
}
