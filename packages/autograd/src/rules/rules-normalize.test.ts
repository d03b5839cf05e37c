import { describe } from 'vitest'
import { spread } from '../check-gradient.test.support.js'
import { pick, size, testGradients } from '../property.test.support.js'

const positive = (shape: readonly number[]) => spread(shape, { low: 0.5, high: 2, seed: 3 })

describe('normalisations', () => {
  testGradients({
    LayerNormalization: (draw) => {
      const [axis, parameters] = pick<[number, number[]]>(draw, [-1, [4]], [2, [4]], [1, [3, 4]], [-2, [3, 4]])
      return {
        nodes: `y = LayerNormalization<axis = ${axis}, epsilon = 0.01>(x, scale, bias)`,
        inputs: { x: ['N', 3, 4], scale: parameters, bias: parameters },
      }
    },
    'LayerNormalization without bias': () => ({
      nodes: 'y = LayerNormalization(x, scale)',
      inputs: { x: ['N', 4], scale: [4] },
    }),
    SimplifiedLayerNormalization: () => ({
      nodes: 'y = SimplifiedLayerNormalization<epsilon = 0.01>(x, scale)',
      inputs: { x: ['N', 2, 4], scale: [4] },
    }),
    RMSNormalization: (draw) => ({
      nodes: `y = RMSNormalization<axis = ${pick(draw, -1, 2)}>(x, scale)`,
      inputs: { x: ['N', 2, 4], scale: [4] },
      opset: 23,
    }),
    BatchNormalization: (draw) => {
      const c = size(draw)
      const rest = pick<number[]>(draw, [], [3], [2, 3])
      return {
        nodes: 'y = BatchNormalization<epsilon = 0.01>(x, scale, bias, mean, variance)',
        inputs: {
          x: ['N', c, ...rest],
          scale: [c],
          bias: [c],
          mean: { shape: [c], fixed: positive },
          variance: { shape: [c], fixed: positive },
        },
      }
    },
    'BatchNormalization with statistics of the batch': (draw) => {
      const c = size(draw)
      return {
        nodes: `y, m, v = BatchNormalization<epsilon = 0.01, training_mode = 1${pick(draw, '', ', momentum = 0.0')}>(x, scale, bias, mean, variance)`,
        inputs: {
          x: ['N', c, ...pick<number[]>(draw, [3], [2, 3])],
          scale: [c],
          bias: [c],
          mean: { shape: [c], fixed: positive },
          variance: { shape: [c], fixed: positive },
        },
      }
    },
    InstanceNormalization: (draw) => {
      const c = size(draw)
      return {
        nodes: 'y = InstanceNormalization<epsilon = 0.01>(x, scale, bias)',
        inputs: { x: ['N', c, ...pick<(number | string)[]>(draw, [4], [3, 2], ['H', 3])], scale: [c], bias: [c] },
      }
    },
    'GroupNormalization of version 18': (draw) => ({
      nodes: `y = GroupNormalization<num_groups = 2, epsilon = 0.01>(x, scale, bias)`,
      inputs: { x: ['N', 4, ...pick<number[]>(draw, [3], [2, 3])], scale: [2], bias: [2] },
    }),
    'GroupNormalization of version 21': (draw) => ({
      nodes: `y = GroupNormalization<num_groups = ${pick(draw, 1, 2, 4)}, epsilon = 0.01>(x, scale, bias)`,
      inputs: { x: ['N', 4, ...pick<number[]>(draw, [3], [2, 3])], scale: [4], bias: [4] },
      opset: 21,
    }),
    LpNormalization: (draw) => ({
      nodes: `y = LpNormalization<p = ${pick(draw, 1, 2)}, axis = ${pick(draw, 1, -1)}>(x)`,
      inputs: { x: ['N', size(draw), 3] },
    }),
    LRN: (draw) => ({
      nodes: `y = LRN<size = ${pick(draw, 3, 5, 1)}, alpha = 0.5, beta = 0.6, bias = 1.5>(x)`,
      inputs: { x: ['N', size(draw, 1, 6), 2, 2] },
    }),
  })
})

describe('softmax', () => {
  testGradients({
    Softmax: (draw) => ({
      nodes: `y = ${pick(draw, 'Softmax', 'LogSoftmax')}<axis = ${pick(draw, -1, 1, 0)}>(x)`,
      inputs: { x: ['N', size(draw), 3] },
    }),
    'Softmax of version 11': (draw) => ({
      nodes: `y = ${pick(draw, 'Softmax', 'LogSoftmax')}${pick(draw, '', '<axis = 2>', '<axis = 0>')}(x)`,
      inputs: { x: ['N', size(draw), 3] },
      opset: 11,
    }),
  })
})
