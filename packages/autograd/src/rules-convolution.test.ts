import { describe } from 'vitest'
import { type Draw, pick, size, testGradients } from './property.test.support.js'

function window(draw: Draw): string {
  const pads = pick(
    draw,
    '',
    'pads = [1, 0, 0, 1], ',
    'pads = [1, 1, 1, 1], ',
    'auto_pad = "SAME_UPPER", ',
    'auto_pad = "SAME_LOWER", ',
  )
  return `${pads}strides = [${size(draw, 1, 3)}, ${size(draw, 1, 2)}], dilations = [${pads.includes('SAME') ? 1 : size(draw, 1, 2)}, 1]`
}

describe('convolutions', () => {
  testGradients(
    {
      Conv: (draw) => {
        const [group, inside, outside] = [pick(draw, 1, 1, 2, 3), size(draw, 1, 2), size(draw, 1, 2)]
        return {
          nodes: `y = Conv<${window(draw)}, group = ${group}>(x, w, b)`,
          inputs: {
            x: ['N', group * inside, 6, 5],
            w: [group * outside, inside, ...pick(draw, [3, 2], [2, 3], [1, 1], [3, 3])],
            b: [group * outside],
          },
        }
      },
      ConvTranspose: (draw) => {
        const [group, inside, outside] = [pick(draw, 1, 1, 2), size(draw, 1, 2), size(draw, 1, 2)]
        const [stride, extra] = pick(draw, [1, 0], [2, 0], [2, 1], [3, 2]) as [number, number]
        const pads = pick(draw, '', 'pads = [1, 0, 0, 1], ', 'pads = [1, 1, 1, 1], ')
        return {
          nodes: `y = ConvTranspose<${pads}strides = [${stride}, 2], dilations = [${size(draw, 1, 2)}, 1], output_padding = [${extra}, ${pick(draw, 0, 1)}], group = ${group}>(x, w, b)`,
          inputs: {
            x: ['N', group * inside, 3, 4],
            w: [group * inside, outside, ...pick(draw, [3, 2], [2, 3], [3, 3])],
            b: [group * outside],
          },
        }
      },
    },
    { runs: 12 },
  )
  testGradients({
    'Conv of a dynamic size': (draw) => ({
      nodes: `y = Conv<pads = [1, 1, 1, 1], strides = [${size(draw, 1, 2)}, 2]>(x, w)`,
      inputs: { x: ['N', 2, 'H', 5], w: [3, 2, 3, 3] },
    }),
    'Conv of one axis and of three': (draw) =>
      pick(
        draw,
        { nodes: 'y = Conv<strides = [2], pads = [1, 1]>(x, w)', inputs: { x: ['N', 2, 7], w: [3, 2, 3] } },
        { nodes: 'y = Conv<group = 4, pads = [2, 0]>(x, w)', inputs: { x: ['N', 4, 5], w: [4, 1, 3] } },
        { nodes: 'y = Conv<strides = [1, 2, 1]>(x, w)', inputs: { x: ['N', 1, 3, 3, 3], w: [2, 1, 2, 2, 2] } },
      ),
    'Conv with weights that come from elsewhere': () => ({
      nodes: 'v = Mul(w, w) y = Conv(x, v)',
      inputs: { x: ['N', 2, 4, 4], w: [2, 2, 3, 3] },
    }),
    'ConvTranspose of a dynamic size': () => ({
      nodes: 'y = ConvTranspose<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w)',
      inputs: { x: ['N', 2, 'H', 5], w: [2, 3, 3, 3] },
    }),
    'ConvTranspose to a given size': (draw) => ({
      nodes: `y = ConvTranspose<strides = [2, 2], ${pick(draw, 'output_shape = [6, 8]', 'output_shape = [7, 9]', 'auto_pad = "SAME_UPPER"', 'auto_pad = "SAME_LOWER"', 'auto_pad = "VALID"')}>(x, w)`,
      inputs: { x: ['N', 2, 3, 4], w: [2, 1, 3, 3] },
    }),
    'ConvTranspose of one axis': () => ({
      nodes: 'y = ConvTranspose<strides = [2], output_padding = [1]>(x, w)',
      inputs: { x: ['N', 2, 3], w: [2, 2, 3] },
    }),
  })
})
