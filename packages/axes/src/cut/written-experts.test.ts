import { makeTensor, withTensors } from '@pare/onnx'
import { expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { testCases } from './cases.test.support.js'
import { cut } from './cut.js'
import { gated } from './gated.js'

/** x f32[N, 5] through a router `r` among 4 experts of 6 hidden units each, and back to 3. `nodes` make `m`, f32[N, 5], of x and the numbers `l` of the router. */
function mixture(nodes: string, constants: string, opset = 18) {
  return {
    ...{ inputs: 'float[N, 5] t', opset },
    constants: `float[5, 5] u, float[5, 4] r, float[5, 3] v, int64[1] two = {2}, int64[1] last = {-1}, int64[1] row = {5}, ${constants}`,
    nodes: `x = MatMul(t, u)\n l = MatMul(x, r)\n ${nodes}\n y = MatMul(m, v)`,
  }
}

const each = (count: number, make: (expert: number) => string) => Array.from({ length: count }, (_, e) => make(e)).join('\n')
const names = (count: number, letter: string) => Array.from({ length: count }, (_, e) => `${letter}${e}`).join(', ')
/** Numbers follow the lengths of names. */
const of = (e: number) => `${e}${'_'.repeat(e)}`
const own = each(4, (e) => `float[5, 6] a${of(e)}, float[6] b${of(e)}, float[6, 5] c${of(e)}, float[5] d${of(e)},`)
const numbers = each(4, (e) => `int64 n${e} = {${e}}, int64[1] o${e} = {${e}},`)
/** What expert e makes of `from`. */
const network = (e: number, from: string) =>
  `f${e} = MatMul(${from}, a${of(e)})\n g${e} = Add(f${e}, b${of(e)})\n h${e} = Relu(g${e})\n i${e} = MatMul(h${e}, c${of(e)})\n k${e} = Add(i${e}, d${of(e)})`
const SUM = `s01 = Add(y0, y1)\n s012 = Add(s01, y2)\n m = Add(s012, y3)`
const HIDDEN = 'a0:1 6, c0:1 5, a1_:1 6, a2__:1 6, a3___:1 6'
const STACKED = 'float[4, 5, 6] a, float[4, 1, 6] b, float[4, 6, 5] c, int64[1] first = {0}'
const DENSE = `e = Unsqueeze(x, first)\n f = MatMul(e, a)\n g = Add(f, b)\n h = Relu(g)\n i = MatMul(h, c)`

const COMPARED = `w, j = TopK(l, two)\n p = Softmax(w)
  ${each(4, (e) => `${network(e, 'x')}\n is${e} = Equal(j, n${e})\n to${e} = Cast<to = 1>(is${e})\n pw${e} = Mul(p, to${e})\n q${e} = ReduceSum(pw${e}, last)\n y${e} = Mul(k${e}, q${e})`)}\n ${SUM}`

// Of three tokens none may be sent to an expert: then nothing is noticed.
test('another expert than the one that goes would be noticed', async () => {
  const model = tinyModel(mixture(COMPARED, `${own} ${numbers} int64[1] one = {1}`))
  const { dependencies, atoms } = await findCoupling(model)
  const router = atoms.get('r:1')!
  const without = (expert: number) => new Map([[router, Uint8Array.from({ length: 4 }, (_, e) => (e === expert ? 1 : 0))]])
  for (const gone of [0, 1, 2, 3])
    for (const other of [0, 1, 2, 3]) {
      const apart = await difference(gated(model, dependencies, without(gone)), cut(model, dependencies, without(other)), [
        { N: 64 },
      ])
      if (gone === other) expect(apart).toBeLessThan(1e-5)
      else expect(apart).toBeGreaterThan(1e-2)
    }
})

/** Twelve experts in three groups of four, as DeepSeek-V3 chooses them: two groups by the sum of their two best numbers, then two experts of these. */
const GROUPED = mixture(
  `p = Sigmoid(l)\n o = Add(p, bias)\n og = Reshape(o, in3)\n b2, bi = TopK(og, two)\n gs = ReduceSum<keepdims = 0>(b2, last)\n gw, gi = TopK(gs, two)
   gz = Shape(gs)\n gn = ConstantOfShape(gz)\n gm = ScatterElements<axis = 1>(gn, gi, gone)\n ge = Unsqueeze(gm, last)\n gx = Expand(ge, to3)\n gr = Reshape(gx, flat)\n gb = Cast<to = 9>(gr)
   ok = Where(gb, o, low)\n ow, j = TopK(ok, two)\n w = GatherElements<axis = 1>(p, j)\n sw = ReduceSum(w, last)\n ws = Div(w, sw)
   z = Shape(l)\n n = ConstantOfShape(z)\n q = ScatterElements<axis = 1>(n, j, ws)\n ${DENSE}\n qt = Transpose<perm = [1, 0]>(q)\n qu = Unsqueeze(qt, last)\n qi = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(qi, first)`,
  `float[12, 5, 6] a, float[12, 1, 6] b, float[12, 6, 5] c, int64[1] first = {0}, float[12] bias, float low = {-1000000.0}, float[64, 2] gone = {${Array(128).fill('1.0')}},
   int64[3] in3 = {-1, 3, 4}, int64[3] to3 = {1, 3, 4}, int64[2] flat = {-1, 12}`,
)

test('experts that are chosen through groups go equally from each, and the model is that in which they are never chosen', async () => {
  const model = tinyModel({
    ...GROUPED,
    constants: GROUPED.constants.replace('float[5, 4] r', 'float[5, 12] r'),
    inputs: 'float[64, 5] t',
  })
  for (const gone of [
    [1, 0, 0, 0],
    [0, 1, 0, 1],
  ]) {
    const values = Array.from({ length: 12 }, (_, e) => (gone[e % 4] ? -1e5 : Math.sin(e) / 4))
    const never = withTensors(model, (tensor) =>
      tensor.name === 'bias' ? makeTensor({ name: 'bias', type: 'float32', shape: [12], values }) : tensor,
    )
    const { dependencies, atoms } = await findCoupling(never)
    const experts = [...atoms.values()].filter(({ roles, pin }) => roles.has('expert') && pin === undefined)
    expect(experts.map(({ size, least }) => [size, least?.count])).toEqual([[4, 2]])
    const smaller = cut(never, dependencies, new Map([[experts[0]!, Uint8Array.from(gone)]]))
    expect(await difference(never, smaller, [{}])).toBeLessThan(1e-5)
    const other = cut(never, dependencies, new Map([[experts[0]!, Uint8Array.from(gone).reverse()]]))
    expect(await difference(never, other, [{}])).toBeGreaterThan(1e-2)
  }
})

testCases({
  'shares of all experts, split': {
    model: mixture(
      `p = Softmax(l)\n ${names(4, 'q')} = Split<axis = 1, num_outputs = 4>(p)\n ${each(4, (e) => `${network(e, 'x')}\n y${e} = Mul(k${e}, q${e})`)}\n m = Sum(y0, y1, y2, y3)`,
      `${own} int64[1] one = {1}`,
    ),
    groups: `u:1 5, r:1 4, ${HIDDEN}`,
  },
  'the best two, as a mask of zeros and ones': {
    model: mixture(
      `p = Softmax(l)\n w, j = TopK(p, two)\n z = Shape(l)\n n = ConstantOfShape(z)\n q = ScatterElements<axis = 1>(n, j, w)
       ${each(4, (e) => `${network(e, 'x')}\n q${e} = Gather<axis = 1>(q, o${e})\n y${e} = Mul(k${e}, q${e})`)}\n ${SUM}`,
      `${own} ${numbers} int64[1] one = {1}`,
    ),
    groups: `u:1 5, r:1 4, ${HIDDEN}`,
  },
  'the best two, where each is compared with its number': {
    model: mixture(
      `w, j = TopK(l, two)\n p = Softmax(w)
       ${each(4, (e) => `${network(e, 'x')}\n is${e} = Equal(j, n${e})\n to${e} = Cast<to = 1>(is${e})\n pw${e} = Mul(p, to${e})\n q${e} = ReduceSum(pw${e}, last)\n y${e} = Mul(k${e}, q${e})`)}\n ${SUM}`,
      `${own} ${numbers} int64[1] one = {1}`,
    ),
    groups: `u:1 5, r:1 4, ${HIDDEN}`,
  },
  'tokens gathered for each expert and added where they came from, as torch exports it': {
    model: mixture(
      `p = Softmax(l)\n w, j = TopK(p, two)\n z = ReduceSum(w, last)\n ww = Div(w, z)\n oh = OneHot(j, four, range)\n mask = Transpose<perm = [2, 1, 0]>(oh)
       sx = Shape(x)\n s = ConstantOfShape(sx)
       ${each(
         4,
         (
           e,
         ) => `mk${e} = Gather<axis = 0>(mask, n${e})\n nz${e} = NonZero(mk${e})\n idx${e}, top${e} = Split<axis = 0, num_outputs = 2>(nz${e})\n tk${e} = Squeeze(top${e}, first)
          xe${e} = Gather(x, tk${e})\n ${network(e, `xe${e}`)}\n both${e} = Concat<axis = 0>(top${e}, idx${e})\n at${e} = Transpose(both${e})\n we${e} = GatherND(ww, at${e})\n wu${e} = Unsqueeze(we${e}, last)
          y${e} = Mul(k${e}, wu${e})\n tt${e} = Transpose(top${e})\n s${e} = ScatterND<reduction = "add">(${e === 0 ? 's' : `s${e - 1}`}, tt${e}, y${e})`,
       )}\n m = Identity(s3)`,
      `${own} ${numbers} int64 four = {4}, int64[2] range = {0, 1}, int64[1] first = {0}`,
    ),
    groups: `u:1 5, r:1 4, ${HIDDEN}`,
  },
  'experts chosen by where': {
    model: mixture(
      `j = ArgMax<axis = 1, keepdims = 1>(l)\n w = ReduceMax<keepdims = 1>(l, last)\n sg = Sigmoid(w)\n sx = Shape(x)\n s = ConstantOfShape(sx)
       ${each(4, (e) => `${network(e, 'x')}\n is${e} = Equal(j, n${e})\n s${e} = Where(is${e}, k${e}, ${e === 0 ? 's' : `s${e - 1}`})`)}\n m = Mul(s3, sg)`,
      `${own} ${numbers} int64[1] one = {1}`,
    ),
    groups: `u:1 5, r:1 4, ${HIDDEN}`,
  },
  'outputs of all experts side by side': {
    model: mixture(
      `p = Softmax(l)\n w, j = TopK(p, two)\n oh = OneHot(j, four, range)\n wu = Unsqueeze(w, last)\n pw = Mul(oh, wu)\n q = ReduceSum<keepdims = 0>(pw, middle)\n qu = Unsqueeze(q, last)
       ${each(4, (e) => `${network(e, 'x')}\n y${e} = Unsqueeze(k${e}, middle)`)}\n st = Concat<axis = 1>(y0, y1, y2, y3)\n z = Mul(st, qu)\n m = ReduceSum<keepdims = 0>(z, middle)`,
      `${own} int64 four = {4}, float[2] range = {0, 1}, int64[1] middle = {1}`,
    ),
    groups: `u:1 5, r:1 4, ${HIDDEN}`,
  },
  'stacked weights, shares of all': {
    model: mixture(
      `p = Softmax(l)\n ${DENSE}\n q = Transpose(p)\n qu = Unsqueeze(q, last)\n z = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(z, first)`,
      STACKED,
    ),
    groups: 'u:1 5, r:1 4, a:2 6, c:2 5',
  },
  'stacked weights of the best two, scattered': {
    model: mixture(
      `w, j = TopK(l, two)\n p = Softmax(w)\n zs = Shape(l)\n n = ConstantOfShape(zs)\n q0 = ScatterElements<axis = 1>(n, j, p)\n ${DENSE}\n q = Transpose(q0)\n qu = Unsqueeze(q, last)\n z = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(z, first)`,
      STACKED,
    ),
    groups: 'u:1 5, r:1 4, a:2 6, c:2 5',
  },
  'stacked weights through Einsum': {
    model: mixture(
      `p = Softmax(l)\n f = Einsum<equation = "nd,edf->nef">(x, a)\n h = Relu(f)\n m = Einsum<equation = "nef,efd,ne->nd">(h, c, p)`,
      'float[4, 5, 6] a, float[4, 6, 5] c',
    ),
    groups: 'u:1 5, r:1 4, a:2 6, c:2 5',
  },
  'weights gathered for each token': {
    model: mixture(
      `w, j = TopK(l, two)\n p = Softmax(w)\n ga = Gather(a, j)\n gb = Gather(b, j)\n gc = Gather(c, j)\n xe = Unsqueeze(x, places)
       f = MatMul(xe, ga)\n g = Add(f, gb)\n h = Relu(g)\n i = MatMul(h, gc)\n k = Squeeze(i, third)\n pu = Unsqueeze(p, last)\n z = Mul(k, pu)\n m = ReduceSum<keepdims = 0>(z, one)`,
      'float[4, 5, 6] a, float[4, 1, 6] b, float[4, 6, 5] c, int64[2] places = {1, 2}, int64[1] third = {2}, int64[1] one = {1}',
    ),
    groups: 'u:1 5, r:1 4, a:2 6, c:2 5',
  },
  'Switch: the best one, compared with all numbers': {
    model: mixture(
      `p = Softmax(l)\n j = ArgMax<axis = 1, keepdims = 1>(p)\n is = Equal(j, all)\n to = Cast<to = 1>(is)\n q0 = Mul(p, to)\n ${DENSE}\n q = Transpose(q0)\n qu = Unsqueeze(q, last)\n z = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(z, first)`,
      `${STACKED}, int64[4] all = {0, 1, 2, 3}`,
    ),
    groups: 'u:1 5, r:1 4, a:2 6, c:2 5',
  },
  'tokens repeated for each expert': {
    model: mixture(
      `w, j = TopK(l, two)\n p = Softmax(w)\n zs = Shape(l)\n n = ConstantOfShape(zs)\n q0 = ScatterElements<axis = 1>(n, j, p)\n t0 = Tile(x, often)\n t1 = Reshape(t0, apart)\n f = MatMul(t1, a)\n h = Relu(f)\n i = MatMul(h, c)\n q = Transpose(q0)\n qu = Unsqueeze(q, last)\n z = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(z, first)`,
      'float[4, 5, 6] a, float[4, 6, 5] c, int64[1] first = {0}, int64[2] often = {4, 1}, int64[3] apart = {4, -1, 5}',
    ),
    groups: 'u:1 5, r:1 4, a:2 6, c:2 5',
  },
  'all experts are chosen': {
    model: mixture(
      `w, j = TopK(l, four)\n p = Softmax(w)\n zs = Shape(l)\n n = ConstantOfShape(zs)\n q0 = ScatterElements<axis = 1>(n, j, p)\n ${DENSE}\n q = Transpose(q0)\n qu = Unsqueeze(q, last)\n z = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(z, first)`,
      `${STACKED}, int64[1] four = {4}`,
    ),
    groups: 'u:1 5, a:2 6, c:2 5',
    held: { 'r:1': "TopK 'w' chooses 4 of its positions" },
  },
  'numbers of experts that are computed with': {
    model: mixture(
      `w, j = TopK(l, two)\n p = Softmax(w)\n jj = Mod(j, four)\n zs = Shape(l)\n n = ConstantOfShape(zs)\n q0 = ScatterElements<axis = 1>(n, jj, p)\n ${DENSE}\n q = Transpose(q0)\n qu = Unsqueeze(q, last)\n z = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(z, first)`,
      `${STACKED}, int64[1] four = {4}`,
    ),
    groups: 'u:1 5, a:2 6, c:2 5',
    held: { 'r:1': "Mod 'jj' computes with the numbers of its positions" },
  },
  'what the router says is an output of its own': {
    model: {
      ...mixture(
        `p = Softmax(l)\n ${DENSE}\n q = Transpose(p)\n qu = Unsqueeze(q, last)\n z = Mul(i, qu)\n m = ReduceSum<keepdims = 0>(z, first)`,
        STACKED,
      ),
      outputs: 'y, p',
    },
    groups: 'u:1 5, a:2 6, c:2 5',
    held: { 'r:1': "it is an axis of the output 'p'" },
  },
})
