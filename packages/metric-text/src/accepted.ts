import { defineMetric, z } from '@pare/metric'
import { runCommand } from './parts/run-command.js'

/**
 * Share of answers that a command of the user's accepts, pass@1 of one answer each (Chen et al. 2021, arXiv 2107.03374, §2.1): it is given { prompt, answer, expected }
 * as JSON on its standard input, `answer` as the model wrote it, and accepts it with exit code 0.
 */
export const accepted = defineMetric({
  name: 'accepted',
  formula: 'share of answers that a command accepts: pass@1',
  options: {
    command: z
      .string()
      .min(1)
      .describe(
        'what is run for each answer: it reads { prompt, answer, expected } from its standard input, and accepts with exit code 0',
      )
      .meta({ expected: 'a command', examples: ['python3 judge.py'] }),
    sandbox: z
      .enum(['bwrap', 'none'])
      .default('bwrap')
      .describe('bwrap: the command runs in bubblewrap, without network and home; none: with all that you may do'),
    seconds: z.number().gt(0).default(10).describe('how long it may take for one answer'),
  },
  create: ({ command, sandbox, seconds }) => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    runs: command,
    of({ text }) {
      const { prompt, answer, written = answer, expected } = text!
      return Number(runCommand({ prompt, answer: written, expected }, { command, sandbox, seconds }))
    },
    combine: 'proportion',
  }),
})
