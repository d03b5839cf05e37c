import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import { wave } from './forward.test.support.js'
import { stagesOf } from './stages.js'

const square = wave(4)

/** x ─ in ─┬─ a ─ Relu ─ b ─┬─ between ─┬─ c ─┬─ out: two residual blocks with a weight between them. */
const model = () =>
  parseText(
    `g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] in, float[2, 2] a, float[2, 2] b, float[2, 2] between, float[2, 2] c, float[2, 2] out>
     { p = MatMul(x, in) q = MatMul(p, a) r = Relu(q) s = MatMul(r, b) t = Add(p, s)
       u = MatMul(t, between) v = MatMul(u, c) w = Add(u, v) y = MatMul(w, out) }`,
    { in: square, a: square, b: square, between: square, c: square, out: square },
  )

const idsOf = (stages: readonly (readonly { readonly id: string }[])[]) => stages.map((stage) => stage.map(({ id }) => id))

test('weights of a residual block are one stage, and so are those between two blocks, in the order of the graph', async () => {
  expect(idsOf(await stagesOf(model(), weightsOf(model())))).toEqual([['in'], ['a', 'b'], ['between'], ['c'], ['out']])
})

test('weights that are left out leave no empty stage', async () => {
  const some = weightsOf(model()).filter(({ id }) => id !== 'between' && id !== 'a')
  expect(idsOf(await stagesOf(model(), some))).toEqual([['in'], ['b'], ['c'], ['out']])
  expect(await stagesOf(model(), [])).toEqual([])
})
