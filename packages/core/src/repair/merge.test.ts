import { type Model, parseText } from '@pare/onnx'
import { expect, it } from 'vitest'
import { cannotMerge, merge } from './merge.js'

/** One cache of `heads` heads that is read, and another one that stays. */
const cached = (heads: number) =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     cached (float[N, ${heads}, P, 2] "past_key_values.0.key", float[N, 4, E, 2] "past_key_values.0.encoder.key") => (float[N, ${heads}, P, 2] y, float[N, 4, E, 2] z)
     { y = Relu("past_key_values.0.key")
       z = Relu("past_key_values.0.encoder.key") }`,
    {},
  )

it('a cache that lost heads is an input of both models, each with its own', () => {
  const { model, nameOf } = merge(cached(4), cached(2))
  expect(model.graph.inputs.map(({ name, shape }) => [name, shape?.[1]])).toEqual([
    ['past_key_values.0.key', 2],
    ['past_key_values.0.encoder.key', 4],
    ['past_key_values.0.key/reference', 4],
  ])
  expect(nameOf('y')).toBe('reference/y')
})

it('data that hold a cache are not run through both', () => {
  const whole = cached(4)
  const [same, less] = [4, 2].map((heads) => ({ ...cached(heads), functions: whole.functions })) as [Model, Model]
  const given = (input: string) => input.includes('encoder')
  expect(cannotMerge(whole, less, () => false)).toBeUndefined()
  expect(cannotMerge(whole, same, given)).toBeUndefined()
  expect(cannotMerge(whole, less, given)).toBe(
    "the calibration data hold the cache 'past_key_values.0.encoder.key', and 'past_key_values.0.key' has fewer heads than before",
  )
})
