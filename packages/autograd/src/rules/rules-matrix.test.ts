import { describe } from 'vitest'
import { pick, size, testGradients } from '../property.test.support.js'

describe('products of matrices', () => {
  testGradients({
    MatMul: (draw) => {
      const [rows, inner, columns] = [size(draw), size(draw), size(draw)]
      const [a, b] = pick<(number | string)[][]>(
        draw,
        [
          ['N', inner],
          [inner, columns],
        ],
        [
          ['N', rows, inner],
          [inner, columns],
        ],
        [
          ['N', 1, rows, inner],
          [3, inner, columns],
        ],
        [
          [rows, inner],
          ['N', inner, columns],
        ],
        [
          [1, rows, inner],
          ['N', inner, columns],
        ],
        [
          ['N', rows, inner],
          ['N', inner, columns],
        ],
      ) as [(number | string)[], (number | string)[]]
      return { nodes: 'y = MatMul(a, b)', inputs: { a, b } }
    },
    'MatMul of vectors': (draw) => {
      const inner = size(draw)
      const [a, b] = pick<(number | string)[][]>(
        draw,
        [[inner], [inner]],
        [[inner], ['N', inner, 2]],
        [['N', 2, inner], [inner]],
        [[inner], [inner, 3]],
      ) as [(number | string)[], (number | string)[]]
      return { nodes: 'y = MatMul(a, b)', inputs: { a, b } }
    },
    'MatMul by itself': (draw) => {
      const n = size(draw)
      return { nodes: 'y = MatMul(a, a)', inputs: { a: ['N', n, n] } }
    },
    Gemm: (draw) => {
      const [inner, columns] = [size(draw), size(draw, 2)]
      const [transA, transB] = [pick(draw, 0, 1), pick(draw, 0, 1)]
      const c = pick<(number | string)[]>(draw, [columns], ['N', columns], [1, columns], ['N', 1], [], [1])
      return {
        nodes: `y = Gemm<transA = ${transA}, transB = ${transB}, alpha = 0.7, beta = 1.3>(a, b, c)`,
        inputs: { a: transA ? [inner, 'N'] : ['N', inner], b: transB ? [columns, inner] : [inner, columns], c },
      }
    },
    'Gemm without bias': (draw) => ({ nodes: 'y = Gemm(a, b)', inputs: { a: ['N', 3], b: [3, size(draw)] } }),
    Einsum: (draw) => {
      const [i, j, k] = [size(draw, 2), size(draw, 2), size(draw, 2)]
      const [equation, a, b] = pick<[string, (number | string)[], (number | string)[]]>(
        draw,
        ['nij,njk->nik', ['N', i, j], ['N', j, k]],
        ['nij,jk->nik', ['N', i, j], [j, k]],
        ['nhqd,nhkd->nhqk', ['N', 2, i, k], ['N', 2, j, k]],
        ['nij,nk->ni', ['N', i, j], ['N', k]],
        ['...ij,...jk->...ik', ['N', i, j], ['N', j, k]],
        ['...ij,jk->...ki', ['N', 2, i, j], [j, k]],
        ['...ij,...jk', ['N', i, j], [1, j, k]],
        ['ij,jk', ['N', j], [j, k]],
        ['i,j->ji', ['N'], [j]],
        ['nd, nd -> n', ['N', k], ['N', k]],
      )
      return { nodes: `y = Einsum<equation = "${equation}">(a, b)`, inputs: { a, b } }
    },
    'Einsum of one and of three terms': (draw) =>
      pick(
        draw,
        { nodes: 'y = Einsum<equation = "nij->nji">(a)', inputs: { a: ['N', 2, 3] } },
        { nodes: 'y = Einsum<equation = "nij->n">(a)', inputs: { a: ['N', 2, 3] } },
        { nodes: 'y = Einsum<equation = "ni,ij,nj->n">(a, b, c)', inputs: { a: ['N', 2], b: [2, 3], c: ['N', 3] } },
      ),
  })
})
