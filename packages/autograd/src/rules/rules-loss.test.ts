import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { spread } from '../check-gradient.test.support.js'
import { array, filled } from '../evaluate64/array.test.support.js'
import { runtimeOutputs } from '../evaluate64/onnxruntime.test.support.js'
import { gradient } from '../gradient.js'
import { type Draw, type GradientCase, pick, size, testGradients } from '../property.test.support.js'

const positive = (shape: readonly number[]) => spread(shape, { low: 0.5, high: 2 })

function loss(op: string): (draw: Draw) => GradientCase {
  return (draw) => {
    const classes = size(draw, 2, 4)
    const rest = pick<number[]>(draw, [], [3], [2, 2])
    const labels = (shape: readonly number[]) => filled(shape, (index) => index.reduce((a, b) => a + b, 1) % classes, 'int64')
    return {
      nodes: `y = ${op}<reduction = "${pick(draw, 'mean', 'sum', 'none')}"${pick(draw, '', ', ignore_index = 0')}>(x, labels${pick(draw, '', ', weights')})`,
      inputs: {
        x: ['N', classes, ...rest],
        labels: { shape: ['N', ...rest], fixed: labels },
        weights: { shape: [classes], fixed: positive },
      },
    }
  }
}

describe('losses', () => {
  testGradients(
    {
      SoftmaxCrossEntropyLoss: loss('SoftmaxCrossEntropyLoss'),
      NegativeLogLikelihoodLoss: loss('NegativeLogLikelihoodLoss'),
    },
    { runs: 12 },
  )
})

describe('a batch of no samples, which whoever runs the graph refuses', () => {
  const gradientOf = async (loss: string) =>
    await gradient(
      parseText(
        `<ir_version: 8, opset_import: ["" : 18]> m (float[N, 3] x, int64[N] labels, float[3, 2] w) => (float[] loss)
         { scores = MatMul(x, w) ${loss} }`,
      ),
      { of: 'loss', wrt: ['w'] },
    )
  const [none, noLabels] = [array([0, 3], new Float64Array(0)), array([0], new Float64Array(0), 'int64')]
  const feeds = { x: none, labels: noLabels, w: spread([3, 2]) }

  test('has the mean 0, says ONNX Runtime', async () => {
    const { model } = await gradientOf('loss = ReduceMean<keepdims = 0>(scores)')
    expect((await runtimeOutputs(model, feeds)).get('loss')!.data[0]).toBe(0)
  })

  test('is an error of cross-entropy', async () => {
    const { model } = await gradientOf('loss = SoftmaxCrossEntropyLoss(scores, labels)')
    await expect(runtimeOutputs(model, feeds)).rejects.toThrow(/Reshape/)
  })
})
