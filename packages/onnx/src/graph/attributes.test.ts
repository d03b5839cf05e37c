import { expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { attributesOf, tensorIn } from './attributes.js'

const { graph } = parseText(
  `g (float[4] x) => (float[4] y) {
    c = Constant<value = float[2] {1, 2}>()
    n = Constant<value_int = 3>()
    y = Odd<axis = -1, scale = 0.5, perm = [1, 0], weights = [0.25, 2.0], mode = "edge">(x)
  }`,
)
const odd = attributesOf(graph.nodes[2]!)

test('each kind is read as plain numbers and text', () => {
  expect(odd.int('axis')).toBe(-1)
  expect(odd.float('scale', 2)).toBe(0.5)
  expect(odd.ints('perm')).toEqual([1, 0])
  expect(odd.floats('weights')).toEqual([0.25, 2])
  expect(odd.string('mode', 'constant')).toBe('edge')
})

test('what is left out or of another kind is what it is by default', () => {
  expect(odd.int('keepdims', 1)).toBe(1)
  expect(odd.int('scale', 7)).toBe(7)
  expect(odd.ints('pads')).toBeUndefined()
  expect([odd.has('scale'), odd.has('keepdims')]).toEqual([true, false])
})

test('the plain ones make another node', () => {
  expect(odd.plain(['axis', 'mode', 'none'])).toEqual({ axis: -1n, mode: 'edge' })
  expect(Object.keys(odd.plain())).toEqual(['axis', 'scale', 'perm', 'weights', 'mode'])
  expect(attributesOf(graph.nodes[0]!).plain()).toEqual({})
})

test('only a Constant of a tensor holds one', () => {
  expect(graph.nodes.map((node) => tensorIn(node)?.shape)).toEqual([[2], undefined, undefined])
})
