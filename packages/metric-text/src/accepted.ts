import { choiceOption, type Metric, type MetricOptions, nameOption, numberOption } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { runCommand } from './parts/run-command.js'

/**
 * Share of answers that a command of the user's accepts: it is given { prompt, answer, expected } as JSON on its standard input, `answer` as the model wrote it, and accepts it with exit
 * code 0. With `k` it is pass@k, the probability that one of k answers is accepted, of `n` answers that are drawn to each prompt: 1 − C(n − c, k) ÷ C(n, k), without bias, where c of them are
 * accepted (Chen et al. 2021, arXiv 2107.03374, §2.1).
 */
export function accepted(options: MetricOptions = {}): Metric {
  const command = nameOption(options, 'command')
  const sandbox = choiceOption(options, 'sandbox', ['bwrap', 'none'])
  const seconds = numberOption(options, 'seconds', 10)
  const k = countOption(options, 'k', 1)
  const n = countOption(options, 'n', k)
  if (n < k)
    throw new PareError(`n is ${n}, expected at least k, which is ${k}.`, { hint: 'draw more answers than count: k=5,n=20.' })
  if (command === undefined)
    throw new PareError('command is missing, expected what is run for each answer.', {
      hint: 'write it after the name: accepted:command=python3 judge.py. It reads { prompt, answer, expected } from its standard input, and accepts with exit code 0.',
    })
  return {
    name: 'accepted',
    formula: `share of answers that a command accepts: pass@${k}${n > 1 ? `, of ${n} drawn` : ''}`,
    better: 'higher',
    bounded: true,
    needs: { read: 'text', ...(n > 1 && { draws: n }) },
    runs: command,
    of({ text }) {
      const { prompt, answer, written = answer, expected, draws = [written] } = text!
      const isAccepted = (each: string) => runCommand({ prompt, answer: each, expected }, { command, sandbox, seconds })
      return passAt(k, { drawn: draws.length, accepted: draws.filter(isAccepted).length })
    },
    combine: n === 1 ? 'proportion' : 'mean',
  }
}

/** 1 − C(drawn − accepted, k) ÷ C(drawn, k), as a product: Π (1 − k ÷ i) over i from drawn − accepted + 1 to drawn. */
export function passAt(k: number, { drawn, accepted }: { readonly drawn: number; readonly accepted: number }): number {
  if (drawn - accepted < k) return 1
  let none = 1
  for (let i = drawn - accepted + 1; i <= drawn; i++) none *= 1 - k / i
  return 1 - none
}

function countOption(options: MetricOptions, name: string, standard: number): number {
  const count = numberOption(options, name, standard)
  if (Number.isInteger(count) && count >= 1) return count
  throw new PareError(`${name} is ${count}, expected a whole number of answers from 1 on.`, { hint: 'write k=5,n=20.' })
}
