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
  const input = tokensOf(session)
  const size = fixed ?? rows.length
  const filled = <Row>(each: readonly Row[]) => Array.from({ length: size }, (_, i) => each[i] ?? each.at(-1)!)
  let past: Readonly<Record<string, NdArray>> = {}
  let length = 0
  const read = async (ids: readonly (readonly number[])[]): Promise<readonly number[]> => {
    const seq = ids[0]!.length
    const total = length + seq
    const numbers = (width: number, of: (row: number, at: number) => number): NdArray => {
      const data = Float64Array.from({ length: size * width }, (_, i) => of(Math.floor(i / width), i % width))
      return { type: 'float64', shape: [size, width], data }
    }
    const own: Record<string, NdArray> = {
      [input.name]: numbers(seq, (row, at) => ids[row]![at]!),
      attention_mask: numbers(total, () => 1),
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
    past = Object.fromEntries([...cache].map(([name, present]) => [name, byName.get(present)!]))
    length = total
    const isRead = length >= (rows[0]?.length ?? 0)
    return rows.map((_, row) => (isRead ? choose(scoresAt(byName.get(output)!, row, seq - 1), row) : 0))
  }
  return {
    async first() {
      const whole = filled(rows)
      const most = mostTokens(session, { output, size })
      let tokens: readonly number[] = []
      for (let at = 0; at < whole[0]!.length; at += most) tokens = await read(whole.map((row) => row.slice(at, at + most)))
      return tokens
    },
    after: (tokens) => read(filled(tokens.map((token) => [token]))),
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
