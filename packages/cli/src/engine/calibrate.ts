import type { CalibrationFacts, PlanOptions, PruneStep } from '@pare/core'
import { mixedCounts } from '@pare/evaluate/choices'
import { formatCount, plural } from '@pare/gate'
import { present } from '@pare/onnx'
import { hashCalibration } from '../files/hash.js'
import type { ModelHashes } from '../files/hash-model.js'
import { showPath } from '../files/paths.js'
import { type Calibration, describeFiles, judgesByGradients, needsOf } from '../settings/data/calibration.js'
import type { Task } from '../settings/task.js'
import { usage } from '../terminal/failure.js'
import type { Phases } from '../terminal/phases.js'
import { forwardOver, type RunCounts, withProgress } from './forward.js'
import { collectPaddedValues } from './padded-values.js'
import { trialsOver } from './trials.js'
import type { Work } from './work.js'

/** Calibration data in use for one model. */
export interface OpenCalibration extends AsyncDisposable {
  /** What deciding is given of them. */
  readonly options: Pick<PlanOptions, 'forward' | 'trials' | 'measured' | 'onPadding'>
  /** What the plan says of them, once everything is decided. */
  facts(): Promise<CalibrationFacts>
  /** What the user should look at. */
  warnings(): readonly string[]
}

export interface Opening {
  readonly task: Pick<Task, 'calibration' | 'steps'>
  readonly phases: Phases
  /** Of the model, when they are known. */
  readonly hashes: () => Promise<ModelHashes>
}

/** Undefined where no step looks at data. Throws PareError for statistics of another model. */
export async function openCalibration(opening: Opening, work: Work): Promise<OpenCalibration | undefined> {
  const { calibration, steps } = opening.task
  if (calibration === undefined) return undefined
  const { run, statistics } = calibration
  const shown = describeFiles(run, work.cwd)
  // A file of statistics may hold those of gradients.
  const looks = (step: PruneStep) => needsOf(step) !== undefined || (statistics !== undefined && judgesByGradients(step))
  if (!steps.some(looks)) return undefined
  const hashing = hashCalibration(run)
  const close = () => hashing[Symbol.asyncDispose]()
  if (statistics !== undefined) {
    const { checkWhole } = await import('@pare/core')
    checkWhole({ name: shown, file: statistics })
    const { executionProvider } = statistics
    refuseOtherModel(statistics.model, await opening.hashes(), { shown, model: work.label })
    return {
      options: { measured: statistics.measured },
      facts: async () => ({ path: shown, sha256: await hashing.digest(), samples: statistics.data.samples!, executionProvider }),
      warnings: () => [],
      [Symbol.asyncDispose]: close,
    }
  }
  const counts: RunCounts = { samples: 0, leftOut: 0 }
  const padded = collectPaddedValues()
  const forward = forwardOver(run, work.engine, (result) => Object.assign(counts, result))
  return {
    options: {
      forward: withProgress(forward, (progress) => opening.phases.at('running calibration data', progress)),
      onPadding: padded.add,
      trials: trialsOver(run, work.engine),
    },
    async facts() {
      const { provider: executionProvider = 'cpu' } = work.engine
      const samples = counts.samples > 0 ? { samples: counts.samples } : {}
      const parts = partsOf(run, counts.samples, work.cwd)
      const facts = { path: shown, sha256: await hashing.digest(), ...samples, ...present({ parts }), executionProvider }
      work.progress.note(`${work.label}: calibrated on ${describeCalibration(facts)}`)
      return facts
    },
    warnings: () => [
      ...padded.warnings(),
      ...(counts.leftOut === 0
        ? []
        : [`${plural(counts.leftOut, 'sample')} at the end of ${shown} left out: too few for the model's fixed batch`]),
    ],
    [Symbol.asyncDispose]: close,
  }
}

/** How many of the samples are of each file of a mixture. Undefined where nothing is mixed, or nobody knows how many there are. */
export function partsOf({ mixture }: Calibration, samples: number, cwd: string): CalibrationFacts['parts'] {
  if (mixture === undefined || samples === 0) return undefined
  const counts = mixedCounts(
    mixture.map(({ weight }) => weight),
    samples,
  )
  return mixture.map(({ data }, i) => ({ path: showPath(data, cwd), samples: counts[i]! }))
}

/** '256 samples of calibrate.npz', 'calibrate.npz, on webgpu', '128 samples, 32 of text.npz and 96 of code.npz' */
export function describeCalibration({ path, samples, parts, executionProvider }: Omit<CalibrationFacts, 'sha256'>): string {
  const counted = samples === undefined ? '' : `${formatCount(samples)} ${samples === 1 ? 'sample' : 'samples'} of `
  const on = executionProvider === 'cpu' ? '' : `, on ${executionProvider}`
  return parts === undefined ? `${counted}${path}${on}` : `${counted.replace(/ of $/, '')}${describeParts(parts)}${on}`
}

/** ', 32 of text.npz and 96 of code.npz'; nothing where nothing is mixed */
export function describeParts(parts: CalibrationFacts['parts']): string {
  if (parts === undefined) return ''
  return `, ${parts.map((part) => `${formatCount(part.samples)} of ${part.path}`).join(' and ')}`
}

/** Throws where statistics are of other files than those of the model. */
function refuseOtherModel(of: ModelHashes, actual: ModelHashes, { shown, model }: { shown: string; model: string }): void {
  const all = ({ sha256, external = [] }: ModelHashes) => [sha256, ...external.map((data) => data.sha256)].join()
  if (all(of) === all(actual)) return
  throw usage(
    `pare: the statistics in ${shown} are of a model with SHA-256 ${of.sha256.slice(0, 12)}…, and ${model} has ${actual.sha256.slice(0, 12)}….`,
    `measure them on this model: pare calibrate ${model} --data DATA --criterion NAME --out ${shown}`,
  )
}
