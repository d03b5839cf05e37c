import { expect, test } from 'vitest'
import { runFailure } from './run-failure.js'

const cause = new Error('cos_cache dimension 0 shall not be less than total_sequence_length.')

test('where a model fails on tokens, how many there are is told, and the option that makes them fewer', () => {
  const ids = { type: 'int64', shape: [2, 256], data: new BigInt64Array(512) } as const
  const { message, hint } = runFailure('m.onnx', { first: 4, size: 2, inputs: { input_ids: ids }, tokens: 'input_ids' }, cause)
  expect(message).toBe(`m.onnx: ONNX Runtime fails on samples 4 to 5: ${cause.message}`)
  expect(hint).toContain('256 tokens')
  expect(hint).toContain('--length (in a config, length beside the data), such as 128.')
})

test('of other arrays nothing is said of tokens', () => {
  expect(runFailure('m.onnx', { first: 0, size: 1, inputs: {} }, cause).hint).toBe(
    'check that the data are what the model expects: ranges of ids, sizes.',
  )
})
