import type { PruneStep } from '@pare/core'
import type { RunResults } from '@pare/report'

type Curves = Pick<RunResults['models'][number], 'curves'>

/** The measured curves by which steps spread their zeros: those of the last step that has some. */
export function weightCurves(steps: readonly PruneStep[]): Curves {
  const all = steps.flatMap(({ allocation }) =>
    typeof allocation === 'object' && 'curves' in allocation ? [allocation.curves] : [],
  )
  const curves = all.at(-1)
  if (curves === undefined) return {}
  return {
    curves: Object.entries(curves).map(([id, points]) => ({
      id,
      points: points.map(({ sparsity, loss }) => ({ sparsity, loss })),
    })),
  }
}
