import { PareError } from '@pare/onnx'
import { startTokens } from '../data/text/start-tokens.js'
import type { EvaluateRequest } from './request.js'
import { openSession, type Runtime, type Session, type SessionOptions } from './runtime.js'

/** Opens the model of a request, or its reference; with an encoder both as one, that takes what the encoder takes and gives what the decoder gives. */
export async function openRequested(
  runtime: Runtime,
  { model, encoder, text, writing, trusted = false }: Pick<EvaluateRequest, 'model' | 'encoder' | 'text' | 'writing' | 'trusted'>,
  options: SessionOptions,
): Promise<Session> {
  if (encoder === undefined) {
    if (writing?.language === undefined && writing?.task === undefined) return openSession(runtime, model, options)
    throw new PareError('evaluation: a language and a task are said to an encoder with its decoder, and there is no encoder.', {
      hint: 'leave them out, or name the folder that holds both.',
    })
  }
  if (text === undefined)
    throw new PareError('evaluation: an encoder with its decoder writes text, but no tokenizer is named.', {
      hint: 'name a tokenizer.json with the tokenizer option.',
    })
  const start = await startTokens(text.tokenizer, { trusted, writing })
  const reader = await openSession(runtime, encoder, options)
  const writer = await openSession(runtime, model, options).catch(async (error: unknown) => {
    await reader[Symbol.asyncDispose]()
    throw error
  })
  const refuse = () => Promise.reject(noSingleRun(writer.name))
  return {
    ...{ name: writer.name, inputs: reader.inputs, outputs: writer.outputs },
    pair: { ...start, encoder: reader, decoder: writer },
    ...{ run: refuse, runBatch: refuse, runAll: refuse },
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]()
      await reader[Symbol.asyncDispose]()
    },
  }
}

/** An encoder and its decoder run one after the other, many times: no metric reads that as an output. */
export function noSingleRun(name: string): PareError {
  return new PareError(`${name}: of an encoder with its decoder what they write is measured, and how likely they hold choices.`, {
    hint: 'choose exact-match, word-f1, rouge-l, chrf, wer or cer for answers, choice-accuracy for questions with choices; or name one of both files.',
  })
}
