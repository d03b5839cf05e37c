import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { filled } from '../evaluate64/array.test.support.js'
import { runtimeOutputs } from '../evaluate64/onnxruntime.test.support.js'
import { gradient } from '../gradient.js'
import { type Draw, pick, size, testGradients } from '../property.test.support.js'

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

// What ONNX Runtime's own layout makes of four channels on this machine: no more of them where it has none, and then nothing is written in it.
const ARRANGED =
  '<ir_version: 9, opset_import: ["": 17, "com.microsoft.nchwc": 1]> g (float[1, 4, 1, 1] x) => (float[N, C, H, W] y) { y = com.microsoft.nchwc.ReorderInput(x) }'
const channelBlock = await runtimeOutputs(parseText(ARRANGED), { x: filled([1, 4, 1, 1], () => 1) }).then(
  (outputs) => outputs.get('y')!.shape[1]!,
  () => 4,
)

describe.skipIf(channelBlock === 4)('convolutions in blocks of channels', () => {
  testGradients(
    {
      Conv: (draw) => {
        const [samples, inside, outside] = [
          pick(draw, 1, 3, channelBlock, channelBlock + 1),
          pick(draw, 1, 3, channelBlock),
          pick(draw, 1, 2) * channelBlock,
        ]
        return {
          nodes: `y = Conv<${window(draw)}>(x, w, b)`,
          inputs: {
            x: [samples, inside, 6, 5],
            w: [outside, inside, ...pick(draw, [3, 2], [1, 3], [3, 3])],
            b: [outside],
          },
          channelBlock,
        }
      },
      'Conv that skips places of its input': (draw) => ({
        nodes: `y = Conv<strides = [${size(draw, 2, 3)}, 3]>(x, w)`,
        inputs: { x: [2, 1, 7, 8], w: [channelBlock, 1, 2, 2] },
        channelBlock,
      }),
      'Conv of each channel by itself': (draw) => {
        const [samples, channels] = pick(draw, [1, channelBlock], [channelBlock, 3], [2, channelBlock / 2], [3, 5]) as [
          number,
          number,
        ]
        return {
          nodes: `y = Conv<${window(draw)}, group = ${channels}>(x, w)`,
          inputs: { x: [samples, channels, 6, 5], w: [channels, 1, ...pick(draw, [3, 2], [3, 3])] },
          channelBlock,
        }
      },
      'Conv whose batch is open': () => ({
        nodes: 'y = Conv(x, w)',
        inputs: { x: ['N', 2, 4, 4], w: [channelBlock, 2, 3, 3] },
        channelBlock,
      }),
    },
    { runs: 8 },
  )
  test('the gradient of weights is a convolution', async () => {
    const model =
      parseText(`<ir_version: 9, opset_import: ["": 18]> m (float[2, 3, 5, 5] x, float[${channelBlock}, 3, 3, 3] w) => (float[1] l) {
      y = Conv<pads = [1, 1, 1, 1]>(x, w) l = ReduceSum<keepdims = 0>(y)
    }`)
    const { graph } = (await gradient(model, { of: 'l', wrt: ['w'], channelBlock })).model
    expect(graph.nodes.filter(({ op }) => op === 'Conv').map(({ domain }) => domain)).toEqual(['', 'com.microsoft.nchwc'])
  })
})
