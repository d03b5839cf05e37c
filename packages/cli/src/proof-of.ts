import type { ModelResult } from '@pare/report'
import type { Pruned } from './prune.js'

/** The weakest of the proofs of a model, as `results.json` has it; `proved: false` where nothing was proved. Undefined where nothing was cut. */
export function proofOf({ cut, proofs }: Pick<Pruned, 'cut' | 'proofs'>): ModelResult['proof'] {
  if (cut.length === 0) return undefined
  const [worst] = [...proofs].sort((a, b) => b.difference / b.tolerance - a.difference / a.tolerance)
  if (worst === undefined) return { proved: false }
  const { difference, tolerance, runs, sizesDiffer } = worst
  return { proved: true, difference, tolerance, runs, sizesDiffer }
}
