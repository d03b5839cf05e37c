import { describe } from 'vitest'
import { type Array64, array, filled } from '../evaluate64/array.test.support.js'
import { pick, size, testGradients } from '../property.test.support.js'

/** i64: numbers from −size to size − 1, some of them twice. */
function indices(size: number): (shape: readonly number[]) => Array64 {
  return (shape) => {
    let next = 3
    return filled(
      shape,
      () => {
        next = (next * 5 + 1) % 16
        return (next % (2 * size)) - size
      },
      'int64',
    )
  }
}

/** i64, along an axis each once. */
function distinct(axis: number, shift: number): (shape: readonly number[]) => Array64 {
  return (shape) =>
    filled(shape, (index) => (index[axis]! + shift + index.reduce((a, b) => a + b, 0) - index[axis]!) % 4, 'int64')
}

describe('elements taken by indices and put back', () => {
  testGradients({
    Gather: (draw) => {
      const axis = pick(draw, 0, 1, -1)
      return {
        nodes: `y = Gather<axis = ${axis}>(x, i)`,
        inputs: {
          x: axis === 0 ? [3, 'N', 2] : axis === 1 ? ['N', 3, 2] : ['N', 2, 3],
          i: { shape: pick<number[]>(draw, [4], [2, 2], [1]), fixed: indices(3) },
        },
      }
    },
    'Gather of one': (draw) => ({
      nodes: 'y = Gather<axis = 1>(x, i)',
      inputs: { x: ['N', 3, 2] },
      constants: `int64 i = {${pick(draw, '0', '-1', '2')}}`,
    }),
    'Gather of one that is computed': () => ({
      nodes: 'y = Gather<axis = 1>(x, i)',
      inputs: { x: ['N', 3, 2], i: { shape: [], fixed: indices(3) } },
    }),
    GatherElements: (draw) => {
      const axis = pick(draw, 1, -1, 2)
      return {
        nodes: `y = GatherElements<axis = ${axis}>(x, i)`,
        inputs: { x: ['N', 3, 3], i: { shape: ['N', size(draw, 1, 3), size(draw, 1, 3)], fixed: indices(3) } },
      }
    },
    GatherND: (draw) => {
      const [batches, x, i] = pick<[number, (number | string)[], (number | string)[]]>(
        draw,
        [0, [3, 3, 2], ['N', 2]],
        [0, [3, 3], ['N', 2, 2]],
        [0, [3, 'N', 2], [4, 1]],
        [1, ['N', 3, 3], ['N', 4, 2]],
        [1, ['N', 3, 2], ['N', 1]],
        [2, ['N', 2, 3, 2], ['N', 2, 3, 1]],
      )
      return { nodes: `y = GatherND<batch_dims = ${batches}>(x, i)`, inputs: { x, i: { shape: i, fixed: indices(3) } } }
    },
    ScatterElements: (draw) => {
      const reduction = pick(draw, '', ', reduction = "add"')
      return {
        nodes: `y = ScatterElements<axis = 1${reduction}>(x, i, u)`,
        inputs: { x: ['N', 4, 3], i: { shape: ['N', 2, 3], fixed: distinct(1, 1) }, u: ['N', 2, 3] },
      }
    },
    'ScatterElements that multiplies by what is not differentiated by': () => ({
      nodes: 'y = ScatterElements<axis = 1, reduction = "mul">(x, i, u)',
      inputs: {
        x: ['N', 4],
        i: { shape: ['N', 2], fixed: distinct(1, 1) },
        u: { shape: ['N', 2], fixed: (own) => array(own, new Float64Array(own[0]! * 2).fill(1.5)) },
      },
    }),
    ScatterND: (draw) => {
      const reduction = pick(draw, '', '<reduction = "add">')
      return {
        nodes: `y = ScatterND${reduction}(x, i, u)`,
        inputs: {
          x: [4, 3, 2],
          i: { shape: [2, 1], fixed: (own) => filled(own, ([row]) => 3 * row! - 1, 'int64') },
          u: [2, 3, 2],
        },
      }
    },
    TopK: (draw) => {
      const axis = pick(draw, 1, -1)
      return {
        nodes: `y, i = TopK<axis = ${axis}, largest = ${pick(draw, 0, 1)}>(x, k)`,
        inputs: { x: ['N', 4, 4] },
        constants: 'int64[1] k = {2}',
      }
    },
  })
})
