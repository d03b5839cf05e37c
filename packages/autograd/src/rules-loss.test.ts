import { describe } from 'vitest'
import { filled } from './evaluate64/array.test.support.js'
import { pick, size, testGradients } from './property.test.support.js'

describe('losses', () => {
  testGradients({
    SoftmaxCrossEntropyLoss: (draw) => {
      const classes = size(draw, 2, 4)
      const rest = pick<number[]>(draw, [], [3], [2, 2])
      const labels = (shape: readonly number[]) => filled(shape, (index) => index.reduce((a, b) => a + b, 1) % classes, 'int64')
      return {
        nodes: `y = SoftmaxCrossEntropyLoss<reduction = "${pick(draw, 'mean', 'sum', 'none')}"${pick(draw, '', ', ignore_index = 0')}>(x, labels)`,
        inputs: { x: ['N', classes, ...rest], labels: { shape: ['N', ...rest], fixed: labels } },
      }
    },
  })
})
