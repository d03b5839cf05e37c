import { describe, expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { capturedBy, constantsOf, keyOf, leadingTo, madeBy, reachedFrom, readBy, usesOf } from './uses.js'

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

describe('the values of a graph', () => {
  const { graph } = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (float[N, 4] x, float[4] g) => (float[N, 4] y) <float[4] g = {1, 1, 1, 1}, float most = {6}> {
      two = Constant<value = float {2}>()
      a, , , r = com.microsoft.SkipSimplifiedLayerNormalization(x, x, g)
      c = Clip(a, , most)
      d = Mul(c, two)
      y, , , s = com.microsoft.SkipSimplifiedLayerNormalization(c, r, g)
    }`,
  )
  const uses = usesOf(graph)

  test('have a maker and readers, each once, and what is left out has none', () => {
    expect([...uses.producers.keys()]).toEqual(['two', 'a', 'r', 'c', 'd', 'y', 's'])
    expect([...uses.consumers].map(([name, nodes]) => `${name}:${nodes.length}`)).toEqual([
      'x:1',
      'g:2',
      'a:1',
      'most:1',
      'c:2',
      'two:1',
      'r:1',
    ])
    expect(uses.of('x').map(({ node, input }) => `${node.op}.${input}`)).toEqual([0, 1].map((i) => `${graph.nodes[1]!.op}.${i}`))
  })

  test('are constant where no input stands in for them', () => {
    expect([...constantsOf(graph).keys()]).toEqual(['g', 'most', 'two'])
    expect([...uses.constants.keys()]).toEqual(['most', 'two'])
  })

  test('lead to others, and are reached from others', () => {
    expect([...leadingTo(graph, ['d'])].sort()).toEqual(['a', 'c', 'd', 'g', 'most', 'two', 'x'])
    expect([...reachedFrom(graph, ['two'])]).toEqual(['two', 'd'])
  })
})
