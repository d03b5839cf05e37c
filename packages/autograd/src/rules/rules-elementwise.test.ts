import { describe } from 'vitest'
import { filled } from '../evaluate64/array.test.support.js'
import { type Draw, type GradientCase, pick, shape, size, testGradients } from '../property.test.support.js'

/** An operator of one input, with values between two limits. */
function unary(op: string, { low = -2, high = 2, opset = 18 } = {}): (draw: Draw) => GradientCase {
  return (draw) => ({ nodes: `y = ${op}(x)`, inputs: { x: { shape: ['N', ...shape(draw, 2)], low, high } }, opset })
}

/** Two inputs of which one, both or none is broadcast. */
function binary(op: string, { low = -2, high = 2 } = {}): (draw: Draw) => GradientCase {
  return (draw) => {
    const [rows, columns] = [size(draw, 2), size(draw, 2)]
    const [a, b] = pick<(number | string)[][]>(
      draw,
      [
        ['N', rows, columns],
        ['N', rows, columns],
      ],
      [['N', rows, columns], [columns]],
      [
        [rows, 1],
        ['N', 1, columns],
      ],
      [[], ['N', columns]],
      [
        ['N', 1, columns],
        [1, rows, 1],
      ],
    ) as [(number | string)[], (number | string)[]]
    return { nodes: `y = ${op}(a, b)`, inputs: { a: { shape: a, low, high }, b: { shape: b, low, high } } }
  }
}

describe('of one input', () => {
  const wide = [
    ...[
      'Abs',
      'Cos',
      'Erf',
      'Exp',
      'Identity',
      'Neg',
      'Sin',
      'Sinh',
      'Cosh',
      'Tanh',
      'Atan',
      'Asinh',
      'Sigmoid',
      'Softplus',
      'Softsign',
    ],
    ...[
      'Relu',
      'LeakyRelu',
      'LeakyRelu<alpha = 0.3>',
      'Elu',
      'Elu<alpha = 0.7>',
      'Selu',
      'Selu<alpha = 1.2, gamma = 0.9>',
      'Celu',
      'Celu<alpha = 0.6>',
    ],
    ...[
      'ThresholdedRelu<alpha = 0.51>',
      'HardSigmoid',
      'HardSigmoid<alpha = 0.6, beta = 0.4>',
      'Mish',
      'Dropout',
      'com.microsoft.Gelu',
      'com.microsoft.QuickGelu',
    ],
    ...['Shrink<lambd = 0.513, bias = 0.2>', 'Cast<to = 1>'],
  ]
  testGradients(Object.fromEntries(wide.map((op) => [op, unary(op)])))
  testGradients({
    HardSwish: unary('HardSwish', { low: -4, high: 4 }),
    Log: unary('Log', { low: 0.3 }),
    Sqrt: unary('Sqrt', { low: 0.3 }),
    Reciprocal: unary('Reciprocal', { low: 0.3 }),
    Tan: unary('Tan', { low: -1, high: 1 }),
    Asin: unary('Asin', { low: -0.9, high: 0.9 }),
    Acos: unary('Acos', { low: -0.9, high: 0.9 }),
    Atanh: unary('Atanh', { low: -0.9, high: 0.9 }),
    Acosh: unary('Acosh', { low: 1.2, high: 3 }),
    Gelu: unary('Gelu', { opset: 20 }),
    'Gelu with tanh': unary('Gelu<approximate = "tanh">', { opset: 20 }),
    Swish: unary('Swish<alpha = 1.5>', { opset: 24 }),
    'a chain in which each value is used twice': (draw) => ({
      nodes: 'a = Tanh(x) b = Mul(a, x) c = Add(a, b) y = Mul(c, b)',
      inputs: { x: ['N', size(draw)] },
    }),
    'two outputs': (draw) => ({ nodes: 'y = Tanh(x) z = Mul(y, x)', inputs: { x: ['N', size(draw)] }, outputs: ['y', 'z'] }),
  })
})

describe('of several inputs', () => {
  testGradients({
    Add: binary('Add'),
    Sub: binary('Sub'),
    Mul: binary('Mul'),
    Div: binary('Div', { low: 0.5 }),
    Pow: binary('Pow', { low: 0.5 }),
    Max: binary('Max'),
    Min: binary('Min'),
    Sum: binary('Sum'),
    Mean: binary('Mean'),
    CastLike: (draw) => ({ nodes: 'y = CastLike(x, like)', inputs: { x: ['N', size(draw)], like: [1] } }),
    'x · x': (draw) => ({ nodes: 'y = Mul(x, x)', inputs: { x: ['N', size(draw)] } }),
    'Mod with fmod': (draw) => ({
      nodes: 'y = Mod<fmod = 1>(a, b)',
      inputs: { a: { shape: ['N', size(draw)], low: 3.1, high: 3.9 }, b: { shape: [1], low: 1.1, high: 1.4 } },
    }),
    'Pow with a constant': (draw) => ({
      nodes: 'y = Pow(x, e)',
      inputs: { x: { shape: ['N', size(draw)], low: 0.4 } },
      constants: `float e = {${pick(draw, '2', '0.5', '1', '3', '-1', '0')}}`,
    }),
    'the square of a negative number': () => ({ nodes: 'y = Pow(x, e)', inputs: { x: [3] }, constants: 'float e = {2}' }),
    'three terms': (draw) => {
      const n = size(draw, 2)
      return { nodes: `y = ${pick(draw, 'Max', 'Min', 'Sum', 'Mean')}(a, b, c)`, inputs: { a: ['N', n], b: [n], c: ['N', 1] } }
    },
    Clip: (draw) => ({
      nodes: `y = ${pick(draw, 'Clip(x, low, high)', 'Clip(x, low)', 'Clip(x, , high)', 'Clip(x)')}`,
      inputs: { x: ['N', size(draw)] },
      constants: 'float low = {-0.613}, float high = {0.877}',
    }),
    'Clip of version 6': () => ({ nodes: 'y = Clip<min = -0.613, max = 0.877>(x)', inputs: { x: ['N', 5] }, opset: 10 }),
    PRelu: (draw) => {
      const c = size(draw, 2)
      return { nodes: 'y = PRelu(x, slope)', inputs: { x: ['N', c, 2], slope: pick(draw, [c, 1], [1, 1], [1], [c, 2]) } }
    },
    Where: (draw) => {
      const c = size(draw, 2)
      const fixed = (own: readonly number[]) => filled(own, (index) => Number(index.reduce((a, b) => a + b, 0) % 2 === 0), 'bool')
      return {
        nodes: 'y = Where(condition, a, b)',
        inputs: { condition: { shape: pick(draw, ['N', c], [c], ['N', 1]), fixed }, a: ['N', c], b: pick(draw, [c], [], [1, 1]) },
      }
    },
  })
})
