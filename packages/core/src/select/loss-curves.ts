import { PareError } from '@pare/onnx'

/** What a model loses when one weight alone is pruned: from sparsity 0 on, in ascending order. */
export type LossCurve = readonly { readonly sparsity: number; readonly loss: number }[]

/** The corners of the lower convex hull of a curve. Throws PareError where it is no curve; `id` names the weight. */
export function hullOf(curve: LossCurve, id: string): LossCurve {
  check(curve, id)
  const hull: { readonly sparsity: number; readonly loss: number }[] = []
  for (const point of curve) {
    while (hull.length > 1 && isAbove(hull.at(-2)!, hull.at(-1)!, point)) hull.pop()
    hull.push(point)
  }
  return hull
}

type Point = LossCurve[number]

/** Whether the middle one lies on or above the line between the others. */
function isAbove(a: Point, b: Point, c: Point): boolean {
  return (b.loss - a.loss) * (c.sparsity - a.sparsity) >= (c.loss - a.loss) * (b.sparsity - a.sparsity)
}

function check(curve: LossCurve, id: string): void {
  const bad = curve.findIndex(
    ({ sparsity, loss }, i) =>
      !(Number.isFinite(loss) && sparsity <= 1 && (i === 0 ? sparsity === 0 : sparsity > curve[i - 1]!.sparsity)),
  )
  if (bad < 0 && curve.length > 1) return
  const content = curve.length < 2 ? `${curve.length} points` : `${JSON.stringify(curve[bad])} as point ${bad}`
  throw new PareError(
    `the loss curve of '${id}' has ${content}; points from sparsity 0 on, ascending up to 1, with finite losses were expected.`,
    {
      hint: 'write it as [{ sparsity: 0, loss: 0 }, { sparsity: 0.5, loss: 0.1 }]',
    },
  )
}
