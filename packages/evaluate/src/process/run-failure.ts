import { PareError } from '@pare/onnx'
import type { Batch } from '../data/dataset.js'

/** What a model was run on when it failed. */
type FailedSamples = Pick<Batch, 'first' | 'size'> & Partial<Pick<Batch, 'inputs' | 'tokens'>>

/** What to tell where ONNX Runtime fails on samples. A model that has fewer places than they have tokens fails with a message of its own operators, so where there are tokens their number is told. */
export function runFailure(path: string, { first, size, inputs, tokens }: FailedSamples, cause: Error): PareError {
  const length = tokens === undefined ? undefined : inputs?.[tokens]?.shape[1]
  const places =
    length === undefined || length < 2
      ? ''
      : ` Each sample has ${length} tokens: where the model has places for fewer, take shorter ones with --length (in a config, length beside the data), such as ${Math.ceil(length / 2)}.`
  return new PareError(`${path}: ONNX Runtime fails on samples ${first} to ${first + size - 1}: ${cause.message}`, {
    hint: `check that the data are what the model expects: ranges of ids, sizes.${places}`,
    cause,
  })
}
