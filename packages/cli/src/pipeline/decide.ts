import {
  analyseUnits,
  type CalibrationFacts,
  findGroups,
  makePlan,
  type PlanOutcome,
  type PlanProgress,
  type SearchFacts,
} from '@pare/core'
import { type Model, PareError, present } from '@pare/onnx'
import { openCalibration } from '../engine/calibrate.js'
import { asRun } from '../engine/data-inputs.js'
import { type DeviceFacts, onDevice } from '../engine/device.js'
import { gradientsFor } from '../engine/gradients.js'
import { timeModels } from '../engine/latency.js'
import { searchStates } from '../engine/search.js'
import type { Work } from '../engine/work.js'
import type { ModelHashes } from '../files/hash-model.js'
import { showPath } from '../files/paths.js'
import { calibrationFiles, describeFiles, looksAtGradients } from '../settings/data/calibration.js'
import { whoMeasures } from '../settings/quantise.js'
import type { Task } from '../settings/task.js'
import { phasesOf } from '../terminal/phases.js'
import { emptiedLayers } from './facts/removed-units.js'

interface Deciding {
  /** Of the model. */
  readonly hashes: () => Promise<ModelHashes>
  /** Folder in which searches keep what they have done. */
  readonly searches: string
  readonly work: Work
}

export interface PruningDecision {
  readonly planned: PlanOutcome
  readonly device: DeviceFacts
  readonly calibration?: CalibrationFacts
  /** How searches of allocations went, in the order of their steps. */
  readonly searches: readonly SearchFacts[]
  readonly warnings: readonly string[]
}

/** Decides what goes. */
export async function decide(model: Model, task: Task, { hashes, searches: folder, work }: Deciding): Promise<PruningDecision> {
  const { steps, seed, calibration, dims: sizes } = task
  using phases = phasesOf(work.progress, work.label)
  await using opened = await openCalibration({ task, phases, hashes }, work)
  const onProgress = (progress: PlanProgress) => phases.at('deciding what goes', progress)
  if (opened === undefined) onProgress({ done: 0, total: 1 })
  const gradients = await gradientsFor(model, task, { phases, work })
  const measured = calibration === undefined || calibration.statistics !== undefined ? [] : calibrationFiles(calibration.run)
  const calibrated = opened === undefined ? model : await asRun(model, measured)
  const seen = gradients === undefined ? calibrated : await asRun(calibrated, [task.training!.data])
  const searches: SearchFacts[] = []
  const options = {
    seed,
    search: searchStates(folder, { task, hashes, work }),
    onSearch: (facts: SearchFacts) => void searches.push(facts),
    signal: work.signal,
    onProgress,
    ...opened?.options,
    ...present({ gradients, sizes }),
    latency: timeModels(work),
  }
  const { value: planned, device } = await onDevice(work.engine.device ?? 'auto', work, (backend) =>
    makePlan(seen, steps, { ...options, ...present({ backend }) }),
  )
  if (seen !== model) await refuseOneBranch(model, { planned, steps })
  const warnings = [
    ...unusedData(task, opened !== undefined, work),
    ...(opened?.warnings() ?? []),
    ...emptiedLayers(planned.steps),
  ]
  return { planned, device, searches, warnings, ...(calibration && opened && { calibration: await opened.facts() }) }
}

/** Throws where what goes is one thing in the branch that data take, and not in the whole model. */
async function refuseOneBranch(
  model: Model,
  { planned, steps }: { readonly planned: PlanOutcome; readonly steps: Task['steps'] },
): Promise<void> {
  for (const { structure, ...step } of steps) {
    if (structure.kind !== 'cut') continue
    const whole = findGroups(structure, await analyseUnits(model, step)).groups.flatMap((group) =>
      group.kind === 'mask' ? [] : [group.id],
    )
    const other = planned.groups.find((group) => group.structure === structure.name && !whole.includes(group.id))
    if (other === undefined) continue
    throw new PareError(
      `structure '${structure.name}' finds '${other.id}' in the branch that runs without a cache, and not in the whole model, whose branches are merged.`,
      {
        hint: 'export the model without merging its branches (optimum-cli export onnx --no-post-process), or choose another structure.',
      },
    )
  }
}

/** Data that are named, and that nothing looks at. */
function unusedData(
  { steps, calibration, training, recover, quantise, baselines }: Task,
  isOpen: boolean,
  { cwd }: Work,
): readonly string[] {
  const forms = [...(quantise === undefined ? [] : [quantise]), ...(baselines || [])]
  const isMeasured = forms.some((form) => whoMeasures(form) !== undefined)
  const isIdle = calibration !== undefined && !isOpen && !recover.repair && recover.blocks === undefined && !isMeasured
  const isLookedAt = steps.some((step) => looksAtGradients(step, training))
  const isUntrained = training !== undefined && recover.retrain === undefined && !isLookedAt
  return [
    ...(isIdle ? [`no criterion looks at data: ${describeFiles(calibration.run, cwd)} is not used`] : []),
    ...(isUntrained
      ? [`no criterion looks at gradients, and nothing is retrained: ${showPath(training.data, cwd)} is not used`]
      : []),
  ]
}
