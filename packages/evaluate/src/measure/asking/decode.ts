import { bestOf, type Numbers } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { inputsFor } from '../../data/dataset.js'
import { type NdArray, numbersOf } from '../../data/ndarray.js'
import { soundInput } from '../../data/questions/sound-entries.js'
import type { EncoderDecoder, Session } from '../../process/runtime.js'
import { arrayFor, runTokens, scoresAt } from './token-rows.js'
import { cacheOf, type TokenPlace, type TokenRun } from './token-runs.js'

/** What an encoder reads: a text as its tokens, or a sound, without the axis of samples. */
export type EncoderSource = readonly number[] | NdArray

/** Texts or sounds as the encoder has read them. */
interface EncodedTexts {
  /** float[texts, longest, width]. */
  readonly states: NdArray
  /** bool[texts, longest], 0 where a text has ended. */
  readonly mask: NdArray
}

/** Whether texts of different lengths can be read together: both models leave out what is filled up. */
export function takesMask({ encoder, decoder }: EncoderDecoder): boolean {
  const has = (session: Session, mask: string) => session.inputs.some(({ name }) => name === mask)
  return has(encoder, 'attention_mask') && has(decoder, 'encoder_attention_mask')
}

/** Scores of the next token after each of what the decoder is given behind each text: float[rows, longest, vocabulary]. */
export async function runDecoder(
  pair: EncoderDecoder,
  {
    texts,
    rows,
    output,
    first,
  }: Pick<TokenPlace, 'output' | 'first'> & {
    readonly texts: readonly EncoderSource[]
    readonly rows: readonly (readonly number[])[]
  },
): Promise<NdArray> {
  const encoded = await encode(pair, texts, first)
  const width = rows.reduce((most, { length }) => Math.max(most, length), 0)
  const filled = rows.map((row) => Array.from({ length: width }, (_, at) => row[at] ?? row.at(-1)!))
  const results = await runOnce(pair.decoder, { ids: filled, before: 0, encoded, past: {}, first })
  return results.get(output)!
}

/** What is written behind texts: with the cache one token at a time, without one all that is written is read anew for each token. */
export function decodedRun(
  pair: EncoderDecoder,
  texts: readonly EncoderSource[],
  { choose, output, first }: TokenPlace,
): TokenRun {
  const { decoder, start, prefix, forced, suppressed, suppressedFirst } = pair
  const cache = cacheOf(decoder)
  const written = texts.map(() => [start])
  let encoded: EncodedTexts | undefined
  let past: Readonly<Record<string, NdArray>> = {}
  let length = 0
  /** The tokens before the answer. Which of several is the likeliest is asked without a cache, which then begins with all of them. */
  const begin = async (): Promise<void> => {
    encoded = await encode(pair, texts, first)
    for (const own of prefix) {
      if (typeof own === 'number') {
        for (const row of written) row.push(own)
        continue
      }
      const results = await runOnce(decoder, { ids: written, before: 0, encoded, past: {}, first })
      const at = written[0]!.length - 1
      for (const [i, row] of written.entries()) row.push(likeliest(scoresAt(results.get(output)!, i, at), own))
    }
  }
  let isFirst = true
  const next = async (): Promise<readonly number[]> => {
    if (encoded === undefined) await begin()
    const ids = written.map((row) => row.slice(length))
    const seq = ids[0]!.length
    const results = await runOnce(decoder, { ids, before: length, encoded: encoded!, past, first })
    if (cache !== undefined) {
      // Keys and values of what the encoder read come out once.
      const kept = Object.entries(past).filter(([name]) => OF_ENCODER.test(name))
      past = {
        ...Object.fromEntries([...cache].map(([name, present]) => [name, results.get(present)!])),
        ...Object.fromEntries(kept),
      }
      length += seq
    }
    const barred = isFirst && forced === undefined ? new Set([...suppressed, ...suppressedFirst]) : suppressed
    isFirst = false
    return texts.map((_, row) => choose(without(scoresAt(results.get(output)!, row, seq - 1), barred), row))
  }
  return {
    first: async () => (forced === undefined ? next() : texts.map(() => forced)),
    after(tokens) {
      for (const [i, token] of tokens.entries()) written[i]!.push(token)
      return next()
    },
  }
}

const OF_ENCODER = /encoder/

/** The likeliest of some tokens, the first of equals; of all where none are named. */
function likeliest(scores: Numbers, tokens: readonly number[]): number {
  if (tokens.length === 0) return bestOf(scores)
  return tokens.reduce((best, token) => (scores[token]! > scores[best]! ? token : best))
}

/** Scores in which some tokens are impossible. */
function without(scores: Numbers, tokens: ReadonlySet<number>): Numbers {
  if (tokens.size === 0) return scores
  const own = Float64Array.from(scores)
  for (const token of tokens) if (token < own.length) own[token] = Number.NEGATIVE_INFINITY
  return own
}

async function encode({ encoder }: EncoderDecoder, sources: readonly EncoderSource[], first: number): Promise<EncodedTexts> {
  const output = encoder.outputs.find(({ name }) => name === 'last_hidden_state') ?? encoder.outputs[0]!
  const sounds = sources.filter((source): source is NdArray => !isTokens(source))
  if (sounds.length > 0) return await encodeSounds(encoder, sounds, { output: output.name, first })
  const texts = sources.filter(isTokens)
  const { array: states, width } = await runTokens(encoder, { rows: texts, first, output: output.name, fixed: undefined })
  const mask = new Uint8Array(texts.length * width)
  for (const [i, { length }] of texts.entries()) mask.fill(1, i * width, i * width + length)
  return { states, mask: { type: 'bool', shape: [texts.length, width], data: mask } }
}

const isTokens = (source: EncoderSource): source is readonly number[] => Array.isArray(source)

/** Of sounds of one shape. */
async function encodeSounds(
  encoder: Session,
  sounds: readonly NdArray[],
  { output, first }: { readonly output: string; readonly first: number },
): Promise<EncodedTexts> {
  const [size, shape] = [sounds.length, sounds[0]!.shape]
  const data = new Float32Array(sounds.reduce((sum, sound) => sum + sound.data.length, 0))
  for (const [i, sound] of sounds.entries()) data.set(numbersOf(sound), i * sound.data.length)
  const input = soundInput(encoder.inputs)!
  const masked = encoder.inputs.find(({ name }) => name === 'attention_mask')
  const ones = [size, shape[0]!]
  const inputs = {
    [input.name]: arrayFor(input, { type: 'float32', shape: [size, ...shape], data }),
    ...(masked && {
      [masked.name]: arrayFor(masked, { type: 'bool', shape: ones, data: new Uint8Array(size * shape[0]!).fill(1) }),
    }),
  }
  const states = await encoder.run({ first, size, inputs }, output)
  const width = states.shape[1]!
  return { states, mask: { type: 'bool', shape: [size, width], data: new Uint8Array(size * width).fill(1) } }
}

interface DecoderRun {
  /** Of one length. */
  readonly ids: readonly (readonly number[])[]
  /** Tokens in the cache. */
  readonly before: number
  readonly encoded: EncodedTexts
  readonly past: Readonly<Record<string, NdArray>>
  /** The number of the first sample, for messages. */
  readonly first: number
}

async function runOnce(
  decoder: Session,
  { ids, before, encoded, past, first }: DecoderRun,
): Promise<ReadonlyMap<string, NdArray>> {
  const [size, seq] = [ids.length, ids[0]!.length]
  const numbers = (shape: readonly number[], data: Float64Array): NdArray => ({ type: 'float64', shape, data })
  const tokens = numbers([size, seq], Float64Array.from(ids.flat()))
  const own: Readonly<Record<string, NdArray>> = {
    ...{ input_ids: tokens, decoder_input_ids: tokens },
    decoder_attention_mask: numbers([size, before + seq], new Float64Array(size * (before + seq)).fill(1)),
    encoder_hidden_states: encoded.states,
    encoder_attention_mask: encoded.mask,
    use_cache_branch: numbers([1], Float64Array.of(Number(before > 0))),
  }
  const arrays = decoder.inputs
    .filter(({ name }) => Object.hasOwn(own, name))
    .map((input) => [input.name, arrayFor(input, own[input.name]!)] as const)
  const name = arrays.find(([, array]) => array.shape === tokens.shape)?.[0]
  if (name === undefined)
    throw new PareError(`${decoder.name}: no input for token ids, expected input_ids or decoder_input_ids.`, {
      hint: 'export the model with optimum: its decoders have one.',
    })
  const inputs = inputsFor(decoder.inputs, { first, size, inputs: { ...Object.fromEntries(arrays), ...past }, tokens: name })
  const results = await decoder.runAll(inputs).catch((cause: Error) => {
    throw new PareError(`${decoder.name}: ONNX Runtime fails on ${seq} tokens behind ${before} of a cache: ${cause.message}`, {
      hint: 'check that encoder and decoder are of one export.',
      cause,
    })
  })
  return new Map(decoder.outputs.map(({ name: output }, i) => [output, results[i]!]))
}
