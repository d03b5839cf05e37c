import type { ModelResult } from '@pare/report'
import type { PrunedModel } from '../model.js'

/** The weakest of the proofs of a model, as `results.json` has it; `proved: false` where nothing was proved. Undefined where nothing was cut or permuted. */
export function proofOf({ cut, permuted, proofs }: Pick<PrunedModel, 'cut' | 'permuted' | 'proofs'>): ModelResult['proof'] {
  if (cut.length === 0 && permuted === 0) return undefined
  const [worst] = [...proofs].sort((a, b) => b.difference / b.tolerance - a.difference / a.tolerance)
  if (worst === undefined) return { proved: false, step: cut.length > 0 ? 'cut' : 'permute' }
  const { step, difference, tolerance, runs, sizesDiffer } = worst
  return { proved: true, step, difference, tolerance, runs, sizesDiffer }
}
