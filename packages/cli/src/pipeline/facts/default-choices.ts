import type { PlanStep } from '@pare/core'
import type { Task } from '../../settings/task.js'

/** Which criteria were taken since there are calibration data, and where not, one sentence for each step. */
export function describeDefaults(
  { steps, source }: Pick<Task, 'steps' | 'source'>,
  planned: readonly PlanStep[],
): readonly string[] {
  const { prune } = source
  const why = 'preset' in prune ? `preset ${String(prune.preset)} does so` : 'the default'
  const cuts = planned.filter((step) => step.kind === 'cut')
  return steps.flatMap(({ structure, criterion, otherwise }) => {
    const taken = otherwise && cuts.find((step) => step.structure === structure.name)?.criterion
    if (taken === undefined) return []
    return taken === criterion.name
      ? [`${structure.name}: chosen by ${taken}, ${why} where there are calibration data`]
      : [
          `${structure.name}: chosen by ${taken}, since ${criterion.name} asks what reads the units, and of a group nothing of that is measured`,
        ]
  })
}
