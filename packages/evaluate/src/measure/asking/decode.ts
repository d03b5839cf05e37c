import { PareError } from '@pare/onnx'
import { inputsFor } from '../../data/dataset.js'
import type { NdArray } from '../../data/ndarray.js'
import type { EncoderDecoder, Session } from '../../process/runtime.js'
import { arrayFor, runTokens, scoresAt } from './token-rows.js'
import { cacheOf, type TokenPlace, type TokenRun } from './token-runs.js'

/** Texts as the encoder has read them. */
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
    readonly texts: readonly (readonly number[])[]
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
  texts: readonly (readonly number[])[],
  { choose, output, first }: TokenPlace,
): TokenRun {
  const { decoder, start, forced } = pair
  const cache = cacheOf(decoder)
  const written = texts.map(() => [start])
  let encoded: EncodedTexts | undefined
  let past: Readonly<Record<string, NdArray>> = {}
  let length = 0
  const next = async (): Promise<readonly number[]> => {
    encoded ??= await encode(pair, texts, first)
    const ids = written.map((row) => row.slice(length))
    const seq = ids[0]!.length
    const results = await runOnce(decoder, { ids, before: length, encoded, past, first })
    if (cache !== undefined) {
      // Keys and values of what the encoder read come out once.
      const kept = Object.entries(past).filter(([name]) => OF_ENCODER.test(name))
      past = {
        ...Object.fromEntries([...cache].map(([name, present]) => [name, results.get(present)!])),
        ...Object.fromEntries(kept),
      }
      length += seq
    }
    return texts.map((_, row) => choose(scoresAt(results.get(output)!, row, seq - 1), row))
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

async function encode({ encoder }: EncoderDecoder, texts: readonly (readonly number[])[], first: number): Promise<EncodedTexts> {
  const output = encoder.outputs.find(({ name }) => name === 'last_hidden_state') ?? encoder.outputs[0]!
  const { array: states, width } = await runTokens(encoder, { rows: texts, first, output: output.name, fixed: undefined })
  const mask = new Uint8Array(texts.length * width)
  for (const [i, { length }] of texts.entries()) mask.fill(1, i * width, i * width + length)
  return { states, mask: { type: 'bool', shape: [texts.length, width], data: mask } }
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
