import { expect, test } from 'vitest'
import { array, input } from '../fixture.test.files.js'
import { fillInput, tokenInput } from './fill.js'

const int64 = (name: string) => input(name, 'int64', ['batch', 'seq'])

test('the attention mask is 1 where nothing else is known', () => {
  expect(fillInput(int64('attention_mask'), { size: 2, seq: 2 })).toEqual(array('int64', [2, 2], [1, 1, 1, 1]))
})

test('positions count the tokens that count', () => {
  expect(fillInput(int64('position_ids'), { size: 2, seq: 3 })).toEqual(array('int64', [2, 3], [0, 1, 2, 0, 1, 2]))
  // The first row is padded on the left, the second on the right.
  const mask = array('bool', [2, 4], [0, 0, 1, 1, 1, 1, 0, 0])
  expect(fillInput(int64('position_ids'), { size: 2, seq: 4, mask })).toEqual(array('int64', [2, 4], [0, 0, 0, 1, 0, 1, 1, 1]))
})

test('token types are 0, in the input’s type', () => {
  expect(fillInput(input('token_type_ids', 'int32', ['batch', 'seq']), { size: 1, seq: 2 })).toEqual(
    array('int32', [1, 2], [0, 0]),
  )
})

test('the cache is empty: its past has length 0', () => {
  const past = input('past_key_values.3.value', 'float16', ['batch', 4, 'past_sequence_length', 64])
  expect(fillInput(past, { size: 2, seq: 8 })).toEqual({ type: 'float16', shape: [2, 4, 0, 64], data: new Uint16Array(0) })
})

test('a cache of fixed length is refused with its shape', () => {
  const fixed = input('past_key_values.0.key', 'float32', ['batch', 4, 16, 64])
  expect(() => fillInput(fixed, { size: 1, seq: 8 })).toThrow(
    "'past_key_values.0.key' is float32[batch, 4, 16, 64]: an empty cache needs",
  )
})

test('the token input is input_ids, or the only integer input of two axes', () => {
  expect(tokenInput([int64('attention_mask'), int64('input_ids')])).toBe('input_ids')
  expect(tokenInput([int64('tokens'), int64('position_ids')])).toBe('tokens')
  expect(tokenInput([input('x', 'float32', ['n', 3])])).toBeUndefined()
  expect(tokenInput([int64('source'), int64('target')])).toBeUndefined()
})
