import { expect, test } from 'vitest'
import { likeness } from './likeness.js'
import { type Fate, renumbered } from './renumber.js'

const fates = (entries: Readonly<Record<string, Fate>>) => renumbered(new Map(Object.entries(entries)))

test('a layer goes with what the model does not hold of it, those behind it move up, and experts are counted by layer', () => {
  const { names, torn } = fates({
    'h.0.w': 'stays',
    'h.1.w': 'goes',
    'h.1.rotary.inv_freq': 'follows',
    'h.2.experts.0.w': 'goes',
    'h.2.experts.1.w': 'stays',
    'h.10.experts.1.w': 'stays',
    'h.10.inv_freq': 'follows',
    head: 'stays',
  })
  expect(Object.fromEntries(names)).toEqual({
    ...{ 'h.0.w': 'h.0.w', 'h.2.experts.1.w': 'h.1.experts.0.w' },
    ...{ 'h.10.experts.1.w': 'h.9.experts.1.w', 'h.10.inv_freq': 'h.9.inv_freq', head: 'head' },
  })
  expect(torn).toEqual([])
})

test('what goes alone is torn: no number says that it is not there', () => {
  expect(fates({ 'h.0.attn.w': 'goes', 'h.0.mlp.w': 'stays', head: 'goes' }).torn).toEqual(['h.0.attn.w', 'head'])
})

test('of weights with the same numbers the one in the same modules is meant', () => {
  const nearest = (name: string, others: readonly string[]) =>
    others.toSorted((a, b) => likeness(name, [b]) - likeness(name, [a]))[0]
  const layers = [0, 1, 11].map((l) => `/model/layers.${l}/self_attn/k_proj/Add`)
  expect(nearest('model.layers.1.self_attn.k_proj.bias', layers)).toBe(layers[1])
  expect(nearest('model.layers.11.self_attn.k_proj.bias', layers)).toBe(layers[2])
  expect(nearest('lm_head.weight', ['model.embed_tokens.weight', '/lm_head/MatMul'])).toBe('/lm_head/MatMul')
})
