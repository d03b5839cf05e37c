import { expect, it } from 'vitest'
import { parseJson, refuseDeep } from './json.js'

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

it('reads what JSON.parse reads, brackets in strings included', () => {
  for (const text of [
    '1',
    '{"a":[1,{"b":null}]}',
    JSON.stringify({ [`\\"${'['.repeat(100)}`]: `"${'{'.repeat(100)}\\` }),
    nested(64),
  ])
    expect(parseJson(text)).toEqual(JSON.parse(text))
  expect(() => parseJson('{')).toThrow(SyntaxError)
})

it.each([65, 1_000_000])('refuses %d levels', (depth) => {
  expect(() => parseJson(nested(depth))).toThrow('nested more than 64 deep')
  expect(() => parseJson('{"a":'.repeat(depth))).toThrow('nested more than 64 deep')
})

it('refuses values of other parsers that are as deep', () => {
  expect(() => refuseDeep(JSON.parse(nested(64)))).not.toThrow()
  expect(() => refuseDeep(JSON.parse(nested(70)))).toThrow('nested more than 64 deep')
})
