import { expect, test } from 'vitest'
import { tinyModel } from '../dependency/rules/rules.test.support.js'
import { findParts } from './find-parts.js'

const wide = (nodes: string) =>
  tinyModel({ inputs: 'float[N, 3, 6] x', nodes, constants: 'float[6, 6] a, float[6, 6] b, float[6, 6] c, float[6, 6] d' })

test('attention and the feed-forward network behind it are parts of their own, with what follows their sums', () => {
  const model = wide(`e = MatMul(x, a) z = Softmax(e) s = Add(x, z) h = Relu(s)
    f = MatMul(h, b) g = Relu(f) k = MatMul(g, c) t = Add(h, k) i = Relu(t) y = MatMul(i, d)`)
  expect(findParts(model)).toEqual([
    { from: 'x', to: 'h', attends: true, nodes: ['e', 'z', 's', 'h'], constants: ['a'] },
    { from: 'h', to: 'i', attends: false, nodes: ['f', 'g', 'k', 't', 'i'], constants: ['b', 'c'] },
  ])
})

test('what lies between two stretches of blocks is a part too', () => {
  const model = wide('p = MatMul(x, a) s = Add(x, p) h = MatMul(s, d) r = Relu(h) q = MatMul(r, b) y = Add(r, q)')
  expect(findParts(model).map(({ from, to, constants }) => [from, to, constants])).toEqual([
    ['x', 's', ['a']],
    ['s', 'r', ['d']],
    ['r', 'y', ['b']],
  ])
})

test('what is nowhere added to what entered it has none', () => {
  expect(findParts(wide('p = MatMul(x, a) s = Relu(p) y = MatMul(s, b)'))).toEqual([])
})
