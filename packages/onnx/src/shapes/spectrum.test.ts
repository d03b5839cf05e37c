import { expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { inferShapes } from './shapes.js'

const CONSTANTS =
  'int64 hop = {160}, int64 long = {400}, float[400] window, int64 bands = {40}, int64 rate = {16000}, float low = {0}, float high = {8000}, int64 one = {1}, int64 last = {-2}'

const shapeOf = async (nodes: string, opset: number) => {
  const text = `<ir_version: 10, opset_import: ["" : ${opset}]> g (float[N, 4000, 1] x) => (y) <${CONSTANTS}> { ${nodes} }`
  return (await inferShapes(parseText(text, { window: new Float32Array(400) }), { dims: { N: 3 } })).shapes.get('y')
}

test.each([
  // (4000 − 400) / 160 + 1 = 23.5 frames, 400 / 2 + 1 frequencies
  ['frames of a window', 'y = STFT(x, hop, window)', 17, [3, 23, 201, 2]],
  ['frames of a length, all frequencies', 'y = STFT<onesided = 0>(x, hop, , long)', 17, [3, 23, 400, 2]],
  ['a transform along its default axis', 'y = DFT(x)', 17, [3, 4000, 2]],
  ['half of the frequencies', 'y = DFT<axis = 1, onesided = 1>(x)', 17, [3, 2001, 2]],
  ['of another length', 'y = DFT(x, long)', 17, [3, 400, 2]],
  ['an axis as an input', 'y = DFT<onesided = 1>(x, , last)', 20, [3, 2001, 2]],
  ['an axis as an input that is left out', 'y = DFT(x)', 20, [3, 4000, 2]],
  ['bins × bands', 'y = MelWeightMatrix(bands, long, rate, low, high)', 17, [201, 40]],
  ['a window', 'y = HannWindow(long)', 17, [400]],
])('%s', async (_, nodes, opset, expected) => {
  expect(await shapeOf(nodes, opset)).toEqual(expected)
})

test('what is not said is not guessed', async () => {
  expect(await shapeOf('n = Shape(x) m = ReduceSum<keepdims = 0>(n) y = DFT<onesided = 1, inverse = 1>(x)', 17)).toBeUndefined()
})
