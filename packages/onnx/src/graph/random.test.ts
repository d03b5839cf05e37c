import { expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { isRandom } from './random.js'

test('draws of numbers are random, alone and within a branch', () => {
  const { nodes } = parseText(
    `g (float[N, 4] x) => (float[N, 4] y) <bool yes = {1}> {
      a = RandomNormalLike(x) b = Relu(x)
      c = If(yes) <then_branch = t () => (float[N, 4] p) { p = Bernoulli(x) }, else_branch = e () => (float[N, 4] q) { q = Neg(x) }>
      d = If(yes) <then_branch = t () => (float[N, 4] r) { r = Relu(x) }, else_branch = e () => (float[N, 4] s) { s = Neg(x) }>
      y = acme.RandomNormalLike(x) }`,
  ).graph
  expect(nodes.map(isRandom)).toEqual([true, false, true, false, false])
})
