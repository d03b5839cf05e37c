import { type Array64, array, at, filled } from './array.test.support.js'
import type { Call, Operators } from './call.test.support.js'
import { logSoftmax } from './normalization.test.support.js'

export const loss: Operators = {
  NegativeLogLikelihoodLoss: (call) => [likelihoodLoss(call, call.input(0))],
  SoftmaxCrossEntropyLoss: (call) => {
    const logProbability = logSoftmax(call.input(0), 1, false)
    return [likelihoodLoss(call, logProbability), logProbability]
  },
}

/** −weight[label] · x[n, label, …], reduced; the mean divides by the sum of the weights. */
function likelihoodLoss(call: Call, x: Array64): Array64 {
  const labels = call.input(1)
  const weights = call.inputs[2]
  const ignored = call.node.attributes.has('ignore_index') ? call.int('ignore_index', 0) : undefined
  const weightOf = (label: number) => (label === ignored ? 0 : (weights?.data[label] ?? 1))
  const factors = labels.data.map(weightOf)
  const losses = filled(labels.shape, ([n, ...rest]) => {
    const label = at(labels, [n!, ...rest])
    return label === ignored ? 0 : -weightOf(label) * at(x, [n!, label, ...rest])
  })
  const reduction = call.string('reduction', 'mean')
  if (reduction === 'none') return losses
  const total = losses.data.reduce((sum, each) => sum + each, 0)
  const weight = factors.reduce((sum, each) => sum + each, 0)
  return array([], Float64Array.of(reduction === 'sum' ? total : total / weight))
}
