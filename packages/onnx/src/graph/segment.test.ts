import { describe, expect, test } from 'vitest'
import type { Model } from '../model.js'
import { parseText } from '../text/text.js'
import { makeValueInfo } from './make.js'
import { segmentOf } from './segment.js'

const model = parseText(
  `g (float[N, 4] x, float[N, 4] mask) => (float[N, 2] y) <float[4, 4] a, float[2, 2] b, int64[2] halves = {2, 2}, bool yes = {1}> {
    h = MatMul(x, a) m = Mul(h, mask) l, r = Split<axis = 1>(m, halves)
    i = If(yes) <then_branch = t () => (float[N, 2] p) { p = Add(l, r) }, else_branch = e () => (float[N, 2] q) { q = Neg(l) }>
    y = MatMul(i, b) }`,
  { a: new Float32Array(16), b: new Float32Array(4) },
)
const float = (name: string) => makeValueInfo({ name, type: 'float32', shape: [undefined, undefined] })
const namesIn = ({ graph }: Model) => ({
  nodes: graph.nodes.map(({ outputs }) => outputs.join()),
  inputs: graph.inputs.map(({ name }) => name),
  outputs: graph.outputs.map(({ name }) => name),
  constants: graph.initializers.map(({ name }) => name),
})

describe('a segment', () => {
  test('has the nodes and constants between what is given and what is wanted, and no others', () => {
    expect(namesIn(segmentOf(model, { entries: [float('h')], outputs: ['l'] }))).toEqual({
      ...{ nodes: ['m', 'l,r'], inputs: ['mask', 'h'], outputs: ['l'], constants: ['halves'] },
    })
  })

  test('has what graphs in its nodes read from around them', () => {
    expect(namesIn(segmentOf(model, { entries: [float('m')], outputs: ['y'] }))).toEqual({
      ...{ nodes: ['l,r', 'i', 'y'], inputs: ['m'], outputs: ['y'], constants: ['b', 'halves', 'yes'] },
    })
  })

  test('leaves out what is given and nothing reads', () => {
    expect(namesIn(segmentOf(model, { entries: [float('x'), float('i'), float('h')], outputs: ['y'] })).inputs).toEqual(['i'])
  })

  test('computes both outputs of a node of which one is given and the other is not', () => {
    expect(namesIn(segmentOf(model, { entries: [float('m'), float('l')], outputs: ['y'] }))).toMatchObject({
      nodes: ['l,r', 'i', 'y'],
      inputs: ['m'],
    })
  })

  test('computes what is wanted even where it is given', () => {
    expect(namesIn(segmentOf(model, { entries: [float('m')], outputs: ['m'] }))).toMatchObject({
      nodes: ['h', 'm'],
      inputs: ['x', 'mask'],
    })
  })
})
