import { describe } from 'vitest'
import { type Draw, pick, size, testGradients } from '../property.test.support.js'

/** Attributes of a window that overlaps, has gaps, is padded or not. ONNX Runtime refuses dilations with SAME. */
function window(draw: Draw): string {
  const pads = pick(
    draw,
    '',
    'pads = [0, 1, 0, 1], ',
    'pads = [0, 0, 0, 1], ',
    ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].map((auto) => `auto_pad = "${auto}", `),
  )
  const dilation = pads.includes('SAME') ? 1 : size(draw, 1, 2)
  return `${pads}kernel_shape = [${pick(draw, '2, 3', '3, 2', '1, 2')}], strides = [${size(draw, 1, 3)}, ${size(draw, 1, 2)}], dilations = [${dilation}, 1]`
}

describe('poolings', () => {
  testGradients(
    {
      MaxPool: (draw) => ({
        nodes: `y = MaxPool<${window(draw)}, ceil_mode = ${pick(draw, 0, 1)}>(x)`,
        inputs: { x: ['N', 2, 6, 5] },
      }),
      AveragePool: (draw) => ({
        nodes: `y = AveragePool<${window(draw)}, ceil_mode = ${pick(draw, 0, 1)}, count_include_pad = ${pick(draw, 0, 1)}>(x)`,
        inputs: { x: ['N', 2, 6, 5] },
        opset: 19,
      }),
      LpPool: (draw) => ({
        nodes: `y = LpPool<${window(draw)}, p = ${pick(draw, 1, 2, 3)}>(x)`,
        inputs: { x: ['N', 2, 6, 5] },
      }),
    },
    { runs: 12 },
  )
  testGradients({
    'MaxPool of a dynamic size': () => ({
      nodes: 'y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(x)',
      inputs: { x: ['N', 2, 'H', 5] },
    }),
    'AveragePool of a dynamic size': (draw) => ({
      nodes: `y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = ${pick(draw, 0, 1)}>(x)`,
      inputs: { x: ['N', 2, 'H', 5] },
    }),
    'poolings of one axis and of three': (draw) => {
      const op = pick(draw, 'MaxPool', 'AveragePool', 'LpPool')
      return pick(
        draw,
        { nodes: `y = ${op}<kernel_shape = [2], strides = [2]>(x)`, inputs: { x: ['N', 2, 5] } },
        { nodes: `y = ${op}<kernel_shape = [2, 2, 2], strides = [1, 2, 1]>(x)`, inputs: { x: ['N', 1, 3, 3, 3] } },
      )
    },
    'of all positions': (draw) => ({
      nodes: `y = ${pick(draw, 'GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool', 'GlobalLpPool<p = 3>')}(x)`,
      inputs: { x: ['N', 2, size(draw, 2), 3] },
    }),
  })
})
