import { defineMetric, z } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { runCommand } from './parts/run-command.js'

/**
 * Share of answers that a command of the user's accepts: it is given { prompt, answer, expected } as JSON on its standard input, `answer` as the model wrote it, and accepts it with exit
 * code 0. With `k` it is pass@k, the probability that one of k answers is accepted, of `n` answers that are drawn to each prompt: 1 − C(n − c, k) ÷ C(n, k), without bias, where c of them are
 * accepted (Chen et al. 2021, arXiv 2107.03374, §2.1).
 */
export const accepted = defineMetric({
  name: 'accepted',
  formula: formulaOf(1, 1),
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
    k: z.int().min(1).default(1).describe('pass@k: of how many answers one must be accepted'),
    n: z.int().min(1).optional().describe('how many answers are drawn to each prompt, at least k; left out: k'),
  },
  create({ command, sandbox, seconds, k, n = k }) {
    if (n < k)
      throw new PareError(`accepted: n is ${n}, and k is ${k}.`, { hint: 'draw at least as many answers as count: k=5,n=20.' })
    return {
      formula: formulaOf(k, n),
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
  },
})

function formulaOf(k: number, n: number): string {
  return `share of answers that a command accepts: pass@${k}${n > 1 ? `, of ${n} drawn` : ''}`
}

/** 1 − C(drawn − accepted, k) ÷ C(drawn, k), as a product: Π (1 − k ÷ i) over i from drawn − accepted + 1 to drawn. */
export function passAt(k: number, { drawn, accepted }: { readonly drawn: number; readonly accepted: number }): number {
  if (drawn - accepted < k) return 1
  let none = 1
  for (let i = drawn - accepted + 1; i <= drawn; i++) none *= 1 - k / i
  return 1 - none
}
