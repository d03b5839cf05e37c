import { type Model, PareError, present } from '@pare/onnx'
import { needsTraining } from '../calibrate/gradients.js'
import type { Gates, MeasuredLoss, Probe, UnitGroup } from '../contract/contract.js'
import type { PlanOptions } from '../plan/plan.js'
import { gateGradients } from './gate-gradients.js'
import { gateOf, withGates } from './gates.js'
import { meanLikeness } from './likeness.js'
import { unitReaders } from './readers.js'
import type { Setting, Trials } from './trials.js'

/** A probe, and what ends it. */
export interface OpenProbe extends Probe, AsyncDisposable {}

/** Tries units of a model out on calibration data. The gated model is built once for the same groups, and stays loaded. */
export function openProbe(
  model: Model,
  { criterion, removals, ...options }: PlanOptions & { readonly criterion: string; readonly removals?: Probe['removals'] },
): OpenProbe {
  const { signal, forward, onPadding, trials: openTrials } = options
  const onProgress = options.onProgress && (({ done, total = done }: TrialProgress) => options.onProgress?.({ done, total }))
  const run = { ...present({ signal, onProgress }) }
  let open: { readonly key: string; readonly trials: Trials } | undefined
  const close = async () => {
    await open?.trials[Symbol.asyncDispose]()
    open = undefined
  }
  const trialsOf = async (groups: readonly UnitGroup[]): Promise<Trials> => {
    const key = JSON.stringify(groups.map(({ id }) => id))
    if (open?.key === key) return open.trials
    await close()
    if (openTrials === undefined) throw needsData(criterion)
    const { model: gated, defaults } = await withGates(model, groups)
    open = { key, trials: await openTrials(gated, { defaults, ...present({ signal }) }) }
    return open.trials
  }
  return {
    ...present({ removals, signal }),
    async losses(groups, settings, loss) {
      const trials = await trialsOf(groups)
      const losses = await trials.losses(settings.map(settingOf), { ...loss, ...run })
      const wrong = losses.findIndex((value) => !Number.isFinite(value))
      if (wrong >= 0) throw notFinite(settings[wrong]!, losses[wrong]!, loss)
      return losses
    },
    async likeness(pairs, likeness) {
      if (forward === undefined) throw needsData(criterion)
      return meanLikeness(model, { pairs, likeness, onPadding, ...run }, forward)
    },
    async gradients(groups, of) {
      if (options.gradients === undefined) throw needsTraining(criterion)
      return gateGradients(model, { groups, of }, { gradients: options.gradients, ...run })
    },
    readers: (groups) => unitReaders(model, groups, { ...options, criterion }),
    [Symbol.asyncDispose]: close,
  }
}

interface TrialProgress {
  readonly done: number
  readonly total?: number
}

function settingOf(gates: Gates): Setting {
  return Object.fromEntries(
    [...gates].map(([id, data]) => [gateOf(id), { type: 'float32', shape: [data.length], data }] as const),
  )
}

function notFinite(gates: Gates, loss: number, { against }: MeasuredLoss): PareError {
  const off = [...gates].flatMap(([id, gate]) => {
    const units = [...gate.keys()].filter((unit) => gate[unit] === 0)
    return units.length === 0 ? [] : [`${units.slice(0, 8).join(', ')} of '${id}'`]
  })
  const without = off.length === 0 ? 'with all units' : `without units ${off.join(' and ')}`
  return new PareError(`the loss against ${against} is ${loss} ${without}.`, {
    hint: 'check that the model and the calibration data hold no NaN: pare evaluate MODEL --data DATA.',
  })
}

function needsData(criterion: string): PareError {
  return new PareError(`criterion '${criterion}' tries units out on calibration data, and there are none.`, {
    hint: 'name inputs that are like those the model will meet: --calibrate data.npz, or calibrate in the config.',
  })
}
