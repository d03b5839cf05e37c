import { choiceOption, type Metric, type MetricOptions, nameOption, numberOption } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { runCommand } from './parts/run-command.js'

/**
 * Share of answers that a command of the user's accepts, pass@1 of one answer each (Chen et al. 2021, arXiv 2107.03374, §2.1): it is given { prompt, answer, expected }
 * as JSON on its standard input, `answer` as the model wrote it, and accepts it with exit code 0.
 */
export function accepted(options: MetricOptions = {}): Metric {
  const command = nameOption(options, 'command')
  const sandbox = choiceOption(options, 'sandbox', ['bwrap', 'none'])
  const seconds = numberOption(options, 'seconds', 10)
  if (command === undefined)
    throw new PareError('command is missing, expected what is run for each answer.', {
      hint: 'write it after the name: accepted:command=python3 judge.py. It reads { prompt, answer, expected } from its standard input, and accepts with exit code 0.',
    })
  return {
    name: 'accepted',
    formula: 'share of answers that a command accepts: pass@1',
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    runs: command,
    of({ text }) {
      const { prompt, answer, written = answer, expected } = text!
      return Number(runCommand({ prompt, answer: written, expected }, { command, sandbox, seconds }))
    },
    combine: 'proportion',
  }
}
