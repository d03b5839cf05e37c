import { describe } from 'vitest'
import { pick, size, testGradients } from '../property.test.support.js'

describe('elements copied, cut off or moved', () => {
  testGradients({
    'Pad with a constant': (draw) => ({
      nodes: `y = Pad(x, pads${pick(draw, '', ', value')})`,
      inputs: { x: ['N', size(draw, 2), 3] },
      constants: `float value = {1.5}, int64[6] pads = ${pick(draw, '{0, 1, 2, 1, 0, 3}', '{1, 0, -1, 0, 0, 2}', '{0, -1, 0, 0, 1, -1}')}`,
    }),
    'Pad with a value that is differentiated by': () => ({
      nodes: 'y = Pad(x, pads, value)',
      inputs: { x: ['N', 2], value: [] },
      constants: 'int64[4] pads = {0, 1, 2, -1}',
    }),
    'Pad by copies': (draw) => ({
      nodes: `y = Pad<mode = "${pick(draw, 'reflect', 'edge')}">(x, pads)`,
      inputs: { x: ['N', 3, 4] },
      constants: `int64[6] pads = ${pick(draw, '{0, 1, 2, 0, 2, 1}', '{0, 0, 3, 0, 0, 0}', '{0, 2, 0, 0, 1, 1}')}`,
    }),
    'Pad that wraps': () => ({
      nodes: 'y = Pad<mode = "wrap">(x, pads)',
      inputs: { x: ['N', 3] },
      constants: 'int64[4] pads = {0, 2, 0, 1}',
      opset: 19,
    }),
    'Pad of some axes': (draw) => ({
      nodes: `y = Pad<mode = "${pick(draw, 'constant', 'reflect', 'edge')}">(x, pads, , axes)`,
      inputs: { x: ['N', 3, 4] },
      constants: 'int64[4] pads = {1, 2, 0, 1}, int64[2] axes = {-1, 1}',
    }),
    'Pad of version 2': () => ({ nodes: 'y = Pad<pads = [0, 1, 0, 2], mode = "reflect">(x)', inputs: { x: [2, 4] }, opset: 10 }),
    Tile: (draw) => ({
      nodes: 'y = Tile(x, repeats)',
      inputs: { x: ['N', size(draw), 2] },
      constants: `int64[3] repeats = ${pick(draw, '{1, 2, 3}', '{2, 1, 1}', '{1, 1, 1}')}`,
    }),
    'Tile by a computed number': () => ({
      nodes: 's = Shape(like) y = Tile(x, s)',
      inputs: { x: [2, 3], like: ['N', 2] },
    }),
    Trilu: (draw) => ({
      nodes: `y = Trilu<upper = ${pick(draw, 0, 1)}>(x${pick(draw, '', ', k')})`,
      inputs: { x: ['N', 3, size(draw, 2)] },
      constants: `int64 k = {${pick(draw, '-1', '0', '1')}}`,
    }),
    DepthToSpace: (draw) => ({
      nodes: `y = DepthToSpace<blocksize = 2, mode = "${pick(draw, 'DCR', 'CRD')}">(x)`,
      inputs: { x: ['N', 4 * size(draw, 1, 2), 2, 3] },
    }),
    SpaceToDepth: (draw) => ({ nodes: 'y = SpaceToDepth<blocksize = 2>(x)', inputs: { x: ['N', size(draw), 2, 4] } }),
  })
})
