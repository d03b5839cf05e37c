import { describe } from 'vitest'
import { pick, size, testGradients } from '../property.test.support.js'

describe('the same elements in another shape or order', () => {
  testGradients({
    Reshape: (draw) => ({
      nodes: 'y = Reshape(x, shape)',
      inputs: { x: ['N', 2, 6] },
      constants: `int64[3] shape = ${pick(draw, '{-1, 4, 3}', '{0, -1, 2}', '{-1, 1, 12}')}`,
    }),
    Flatten: (draw) => ({ nodes: `y = Flatten<axis = ${pick(draw, 0, 1, 2, -1)}>(x)`, inputs: { x: ['N', 2, size(draw)] } }),
    Squeeze: (draw) => ({
      nodes: `y = ${pick(draw, 'Squeeze(x, axes)', 'Squeeze<axes = [1]>(x)').replace('<axes = [1]>', '')}`,
      inputs: { x: [3, 1, size(draw, 2)] },
      constants: 'int64[1] axes = {1}',
    }),
    Unsqueeze: (draw) => ({
      nodes: 'y = Unsqueeze(x, axes)',
      inputs: { x: ['N', size(draw)] },
      constants: `int64[2] axes = ${pick(draw, '{0, 2}', '{-1, 1}')}`,
    }),
    Transpose: (draw) => ({
      nodes: `y = Transpose${pick(draw, '', '<perm = [1, 2, 0]>', '<perm = [2, 0, 1]>')}(x)`,
      inputs: { x: ['N', size(draw), 3] },
    }),
    Concat: (draw) => {
      const [a, b] = [size(draw), size(draw)]
      return {
        nodes: `y = Concat<axis = ${pick(draw, 1, -2)}>(p, q, p)`,
        inputs: { p: ['N', a, 2], q: ['N', b, 2] },
      }
    },
    'Concat along a dynamic axis': () => ({ nodes: 'y = Concat<axis = 0>(p, q)', inputs: { p: ['N', 2], q: ['M', 2] } }),
    Split: (draw) => ({
      nodes: pick(draw, 'y, z, w = Split<axis = 1>(x, split)', 'y, unused, w = Split<axis = -1, num_outputs = 3>(x) z = Neg(w)'),
      inputs: { x: ['N', 5] },
      constants: 'int64[3] split = {1, 2, 2}',
      outputs: ['y', 'w'],
    }),
    'Split of version 11': () => ({
      nodes: 'y, z = Split<axis = 1, split = [2, 3]>(x)',
      inputs: { x: ['N', 5] },
      outputs: ['y', 'z'],
      opset: 11,
    }),
    Slice: (draw) => {
      const [starts, ends, axes, steps] = pick(
        draw,
        ['1', '3', '1', '1'],
        ['-3', '100', '-1', '1'],
        ['0', '-1', '1', '1'],
        ['-1', '-100', '1', '-1'],
        ['0', '5', '1', '2'],
        ['4', '0', '1', '-2'],
        ['0', '1', '0', '1'],
        ['-1', '100', '0', '1'],
      ) as [string, string, string, string]
      return {
        nodes: 'y = Slice(x, starts, ends, axes, steps)',
        inputs: { x: ['N', 5] },
        constants: `int64[1] starts = {${starts}}, int64[1] ends = {${ends}}, int64[1] axes = {${axes}}, int64[1] steps = {${steps}}`,
      }
    },
    'Slice of two axes': (draw) => ({
      nodes: 'y = Slice(x, starts, ends, axes, steps)',
      inputs: { x: ['N', 5, 4] },
      constants: `int64[2] starts = {1, -2}, int64[2] ends = {4, 100}, int64[2] axes = {1, 2}, int64[2] steps = ${pick(draw, '{1, 1}', '{2, 1}')}`,
    }),
    'Slice of version 9': () => ({
      nodes: 'y = Slice<starts = [1], ends = [3], axes = [1]>(x)',
      inputs: { x: [2, 5] },
      opset: 9,
    }),
    Expand: (draw) => ({
      nodes: 'y = Expand(x, shape)',
      inputs: { x: pick<number[]>(draw, [2, 1, 3], [1, 3], [1], [3]) },
      constants: 'int64[4] shape = {2, 2, 4, 3}',
    }),
    'Expand by a computed shape': () => ({
      nodes: 's = Shape(like) y = Expand(x, s)',
      inputs: { x: [1, 3], like: ['N', 3] },
    }),
  })
})
