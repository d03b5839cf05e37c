import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { onlyFor } from './graphs.js'

test('a teacher computes only what leads to what is asked for, whatever nodes leave out', () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (float[N, 4] x, bool b) => (float[N, 4] y) <float[4] g = {1, 1, 1, 1}, float most = {6}> {
      e = Relu(x)
      c = Clip(x, , most)
      t = If(b) <then_branch = inner () => (float[N, 4] p) { p = Neg(e) }, else_branch = other () => (float[N, 4] e) { d = Neg(e) }>
      a, , , r = com.microsoft.SkipSimplifiedLayerNormalization(c, x, g)
      z, , , s = com.microsoft.SkipSimplifiedLayerNormalization(r, t, g)
      y = Add(z, s)
    }`,
  )
  const made = (name: string) => onlyFor(model, [name]).graph.nodes.map(({ outputs }) => outputs.find((each) => each !== ''))
  expect(made('r')).toEqual(['c', 'a'])
  expect(made('c')).toEqual(['c'])
  expect(made('t')).toEqual(['e', 't'])
})
