import type { Value } from './graph-text.test.support.js'
import { linear, type Transformer } from './linear.test.support.js'

/** A recurrent layer over the positions, one way or both. */
export function recurrent(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const [op, gates] = choices.pick([['LSTM', 4] as const, ['GRU', 3] as const, ['RNN', 1] as const])
  const [units, directions] = [choices.int(2, 5), choices.int(1, 2)]
  const steps = g.node('Transpose', [x], [-1, -1, width], 'perm = [1, 0, 2]')
  const weights = [width, units].map((inputs) => g.weight([directions, gates * units, inputs]))
  const bias = choices.chance(0.7) ? g.weight([directions, 2 * gates * units]) : undefined
  const states = g.node(op, [steps, ...weights, bias], [-1, directions, -1, units], attributesOf(t, op, units, directions))
  const first = g.node('Transpose', [states], [-1, -1, directions, units], 'perm = [2, 0, 1, 3]')
  const flat = g.node('Reshape', [first, g.ints([0, 0, choices.pick([-1, directions * units])])], [-1, -1, directions * units])
  return linear(t, flat, width)
}

function attributesOf({ choices }: Transformer, op: string, units: number, directions: number): string {
  const direction = directions === 2 ? 'bidirectional' : choices.pick(['forward', 'reverse'])
  const reset = op === 'GRU' ? `, linear_before_reset = ${choices.int(0, 1)}` : ''
  const clip = choices.chance(0.3) ? ', clip = 0.8' : ''
  return `hidden_size = ${units}, direction = "${direction}"${reset}${clip}`
}
