import { expect, test } from 'vitest'
import { editJson } from './json-text.js'

test('a number is changed, and every other byte stays', () => {
  const text =
    '{\n  "rms_norm_eps": 1e-06, "theta": 1000000.0,\n\t"heads" :4 ,"more":{"heads":4, "odd\\"key": [1, {"heads": 4}]}\n}\n'
  expect(editJson(text, [{ path: ['heads'], value: 3 }])).toBe(text.replace('"heads" :4', '"heads" :3'))
  expect(editJson(text, [{ path: ['more', 'heads'], value: 12 }])).toBe(text.replace('{"heads":4, "odd', '{"heads":12, "odd'))
})

test('a key comes behind another, with its indentation', () => {
  expect(editJson('{\n    "a": 1,\n    "b": 2\n}', [{ path: ['dim'], value: 16, behind: 'b' }])).toBe(
    '{\n    "a": 1,\n    "b": 2,\n    "dim": 16\n}',
  )
  expect(editJson('{"a": {"b": 2}}', [{ path: ['a', 'dim'], value: 16, behind: 'b' }])).toBe('{"a": {"b": 2,"dim": 16}}')
})

test('a list keeps its kind of lines, and several edits do not disturb one another', () => {
  const text = '{\n  "types": [\n    "full",\n    "sliding"\n  ],\n  "n": 2,\n  "flat": [1, 2]\n}'
  const edits = [
    { path: ['n'], value: 1 },
    { path: ['types'], value: ['sliding'] },
    { path: ['flat'], value: [2] },
  ]
  expect(editJson(text, edits)).toBe('{\n  "types": [\n    "sliding"\n  ],\n  "n": 1,\n  "flat": [2]\n}')
})

test('a path that is not there is a bug', () => {
  expect(() => editJson('{"a": 1}', [{ path: ['b'], value: 1 }])).toThrow('there is no b in the text')
})
