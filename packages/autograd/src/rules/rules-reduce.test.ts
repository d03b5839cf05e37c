import { describe } from 'vitest'
import { type Draw, type GradientCase, pick, shape, size, testGradients } from '../property.test.support.js'

const operators = ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare']

/** Some axes or all, kept or not, given as an input or an attribute. */
function reduction(name: string): (draw: Draw) => GradientCase {
  const low = name === 'LogSum' ? 0.3 : -1.5
  return (draw) => {
    const keepdims = pick(draw, 0, 1)
    const [axes, rest] = pick(draw, ['1', ''], ['0, 2', ''], ['-1', ''], ['', ''], ['', 'noop_with_empty_axes = 1, '])
    const operands =
      axes === ''
        ? { nodes: 'x', constants: '' }
        : { nodes: 'x, axes', constants: `int64[${axes.split(',').length}] axes = {${axes}}` }
    return {
      nodes: `y = Reduce${name}<${rest}keepdims = ${keepdims}>(${operands.nodes})`,
      inputs: { x: { shape: ['N', ...shape(draw, 2, 2)], low } },
      constants: operands.constants,
    }
  }
}

describe('reductions', () => {
  testGradients(Object.fromEntries(operators.map((name) => [`Reduce${name}`, reduction(name)])))
  testGradients(
    Object.fromEntries(
      operators.map((name) => [
        `Reduce${name} of version 11`,
        (draw) => ({
          nodes: `y = Reduce${name}<axes = [1]>(x)`,
          inputs: { x: { shape: ['N', size(draw, 2)], low: 0.3 } },
          opset: 11,
        }),
      ]),
    ),
  )
  testGradients({
    'ReduceProd with a zero in a row, and with two': () => ({
      nodes: 'z = Mul(x, zeros) y = ReduceProd(z, axes)',
      inputs: { x: [3, 3] },
      constants: 'float[3, 3] zeros = {1, 1, 1, 1, 0, 1, 0, 2, 0}, int64[1] axes = {1}',
    }),
    CumSum: (draw) => ({
      nodes: `y = CumSum<exclusive = ${pick(draw, 0, 1)}, reverse = ${pick(draw, 0, 1)}>(x, axis)`,
      inputs: { x: ['N', size(draw), 3] },
      constants: `int64 axis = {${pick(draw, '0', '1', '-1')}}`,
    }),
  })
})
