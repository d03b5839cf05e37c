import { describe, expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { capturedBy, keyOf, madeBy, readBy } from './reads.js'

describe('what a node leaves out', () => {
  const [lstm, resize, bare] =
    parseText(`g (float[1, 2, 3] x, float[4, 16, 3] w, float[4, 16, 4] r, float[4] sizes) => (float[1, 1, 2, 4] h) {
    , h = LSTM<hidden_size = 4>(x, w, r, , , h0)
    z = Resize(x, , , sizes)
    _ = Identity(x)
  }`).graph.nodes

  test('is none of the values that it reads or makes', () => {
    expect(readBy(lstm!)).toEqual(['x', 'w', 'r', 'h0'])
    expect(madeBy(lstm!)).toEqual(['h'])
    expect(readBy(resize!)).toEqual(['x', 'sizes'])
  })

  test('is not what it is called by', () => {
    expect([lstm, resize, bare].map((node) => keyOf(node!))).toEqual(['h', 'z', '_'])
  })
})

test('a node reads what its graphs take from around it, and not what they make, hold or are given', () => {
  const { nodes } = parseText(`g (bool c, float[1] x, float[1] y) => (float[1] z) {
    z = If(c) <
      then_branch = inner () => (float[1] a) <float[1] own = {1}> { b = Add(x, own) , a2 = Dropout(b) a = Add(b, y) },
      else_branch = other () => (float[1] y) { d = Identity(x) }
    >
  }`).graph
  expect(capturedBy(nodes[0]!)).toEqual(['x', 'y', 'x', 'y'])
  expect(readBy(nodes[0]!)).toEqual(['c', 'x', 'y'])
})
