import { describe } from 'vitest'
import type { Tiny } from '../dependency/rules/rules.test.support.js'
import { testCases } from './cases.test.support.js'

// A block of a Swin Transformer as exporters write it: positions are rolled, cut into windows of 2 × 2, and attend within them, with a bias of relative positions
// and a mask that is put together by ScatterND.

const C = {
  batch:
    'int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}, int64[1] i3 = {3}, int64[1] m1 = {-1}, int64[1] most = {9223372036854775807}',
  sizes:
    'int64[1] heads = {2}, int64[1] dim = {4}, int64[1] four = {4}, int64[1] width = {8}, int64[1] three = {3}, int64 s0 = {0}, int64 s1 = {1}, int64 s2 = {2}',
  masks:
    'int64[1, 1] at = {1}, float[1, 4] row = {1, 1, 1, 1}, int64[4] grid = {2, 2, 2, 2}, int64[2] flat = {4, 4}, float big = {-100}, float none = {0}',
  bias: 'float[9, 2] table, int64[2] coordinates = {2, 2}, int64[2] pairs = {2, 4}, int64[1] wide = {3}',
}

/** Which row of the table of relative positions each pair of positions in a window takes, computed from the coordinates 0 and 1. */
const RELATIVE = `
  r = Range(s0, s2, s1)
  ru = Unsqueeze(r, i1)
  cy = Expand(ru, coordinates)
  cx = Transpose<perm = [1, 0]>(cy)
  fy = Reshape(cy, m1)
  fx = Reshape(cx, m1)
  y1 = Unsqueeze(fy, i1)
  y0 = Unsqueeze(fy, i0)
  dy = Sub(y1, y0)
  x1 = Unsqueeze(fx, i1)
  x0 = Unsqueeze(fx, i0)
  dx = Sub(x1, x0)
  py = Add(dy, i1)
  px = Add(dx, i1)
  my = Mul(py, wide)
  index = Add(my, px)
  findex = Reshape(index, m1)
  rows = Gather(table, findex)
  bias4 = Reshape(rows, square)
  bias3 = Transpose<perm = [2, 0, 1]>(bias4)
  bias = Unsqueeze(bias3, i0)`

/** f32[windows, 1, 4, 4]: −100 between positions of which only one was rolled. */
const MASK = `
  zeros = ConstantOfShape(flat)
  marked = ScatterND(zeros, at, row)
  turned = Transpose<perm = [1, 0]>(marked)
  differs = Sub(marked, turned)
  same = Equal(differs, none)
  mask = Where(same, none, big)`

/** x f32[N, side, side, 8] → k, with `batch` the first entry of targets. */
const block = (batch: string) => `
  ${RELATIVE}
  ${MASK}
  hn = LayerNormalization(h, g)
  ra = Slice(hn, i1, most, i1)
  rb = Slice(hn, i0, i1, i1)
  rc = Concat<axis = 1>(ra, rb)
  rd = Slice(rc, i1, most, i2)
  re = Slice(rc, i0, i1, i2)
  rolled = Concat<axis = 2>(rd, re)
  s = Shape(rolled)
  n = Gather(s, i0)
  a = Gather(s, i1)
  b = Gather(s, i2)
  c = Gather(s, i3)
  a2 = Div(a, i2)
  b2 = Div(b, i2)
  to6 = Concat<axis = 0>(${batch}, a2, i2, b2, i2, c)
  w6 = Reshape(rolled, to6)
  wt = Transpose<perm = [0, 1, 3, 2, 4, 5]>(w6)
  to3 = Concat<axis = 0>(m1, four, c)
  win = Reshape(wt, to3)
  qkv = MatMul(win, wqkv)
  ws = Shape(win)
  wn = Gather(ws, i0)
  to5 = Concat<axis = 0>(wn, four, three, heads, dim)
  q5 = Reshape(qkv, to5)
  qt = Transpose<perm = [2, 0, 3, 1, 4]>(q5)
  q = Gather(qt, s0)
  kk = Gather(qt, s1)
  v = Gather(qt, s2)
  kt = Transpose<perm = [0, 1, 3, 2]>(kk)
  scores = MatMul(q, kt)
  biased = Add(scores, bias)
  masked = Add(biased, mask)
  p = Softmax<axis = -1>(masked)
  mix = MatMul(p, v)
  mt = Transpose<perm = [0, 2, 1, 3]>(mix)
  toc = Concat<axis = 0>(wn, four, width)
  merged = Reshape(mt, toc)
  o = MatMul(merged, wo)
  back6 = Concat<axis = 0>(m1, a2, b2, i2, i2, c)
  o6 = Reshape(o, back6)
  ot = Transpose<perm = [0, 1, 3, 2, 4, 5]>(o6)
  back4 = Concat<axis = 0>(n, a, b, c)
  o4 = Reshape(ot, back4)
  ua = Slice(o4, m1, most, i1)
  ub = Slice(o4, i0, m1, i1)
  uc = Concat<axis = 1>(ua, ub)
  ud = Slice(uc, m1, most, i2)
  ue = Slice(uc, i0, m1, i2)
  unrolled = Concat<axis = 2>(ud, ue)
  r1 = Add(h, unrolled)
  up = MatMul(r1, wu)
  act = Gelu(up)
  down = MatMul(act, wd)
  k = Add(r1, down)`

const swin = (batch: string, input: string): Tiny => ({
  inputs: `float[${input}] x`,
  constants: `float[5, 8] w, float[8] g, float[8, 24] wqkv, float[8, 8] wo, float[8, 6] wu, float[6, 8] wd, float[8, 2] last, ${Object.values(C).join(', ')}, int64[3] square = {4, 4, 2}`,
  nodes: `h = MatMul(x, w)\n ${block(batch)}\n y = MatMul(k, last)`,
  opset: 20,
})

/** Two of the input, one above the other: always an even height. */
function tall(): Tiny {
  const model = swin('n', 'N, S, 4, 5')
  return { ...model, nodes: model.nodes.replace('h = MatMul(x, w)', 'xx = Concat<axis = 1>(x, x)\n h = MatMul(xx, w)') }
}

const GROUPS = 'w:1 8, table:1 2, wqkv:1#2 4, wu:1 6'

describe('a block of a Swin Transformer: its width, heads, what is within a head, and neurons', () => {
  testCases({
    'of one image': { model: swin('i1', '1, 4, 4, 5'), groups: GROUPS },
    'of several images': { model: swin('n', 'N, 4, 4, 5'), groups: GROUPS },
    'of images of any height': { model: tall(), groups: GROUPS },
  })
})
