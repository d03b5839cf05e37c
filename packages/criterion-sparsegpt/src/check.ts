import { checkGramProblem, PareError, type WeightProblem } from '@pare/core'

/** Refuses what cannot be solved, before anything is computed. */
export function checkProblem(problem: WeightProblem): void {
  const { id, pattern } = problem
  if (pattern.kind === 'tile')
    throw new PareError(
      `sparsegpt: '${id}' is to lose tiles of ${pattern.rows} × ${pattern.columns}; single elements or N:M were expected.`,
      {
        hint: 'choose the structure element or nm, or for tiles the criterion alps or wanda.',
      },
    )
  checkGramProblem('sparsegpt', problem)
}
