import type { PruneStep } from '@pare/core'
import type { Demand } from '@pare/gate'
import type { ModelFolder } from '../folder/model-folder.js'
import type { JoinedDecoders } from '../folder/pair/pair.js'
import type { OneLevel, Overrides } from '../options/config.js'
import type { SourcePlace } from '../terminal/failure.js'
import type { CalibrationSource } from './data/calibration.js'
import type { EvaluationSettings } from './data/evaluation.js'
import type { TrainingSource } from './data/training.js'
import type { Recover } from './recover.js'
import type { ModelSettings } from './settings.js'
import type { SmallestSettings } from './smallest.js'

/** Everything that is done for one model, with plugins loaded and paths absolute. */
export interface Task extends Omit<OneLevel, 'recover' | 'prove'> {
  readonly path: string
  /** The path as messages and results name it: relative to `cwd`, with forward slashes. */
  readonly name: string
  /** The folder that the model came in, where that was named. */
  readonly folder?: ModelFolder
  /** The task whose pruned model this one judges on other data. Absent: it prunes its own */
  readonly first?: Task
  /** Where the config names it. Default: it does not, or nobody knows the line */
  readonly at?: SourcePlace
  /** The two decoders that `path` was joined from. Absent: it is a file of its own */
  readonly pair?: JoinedDecoders
  /** Of everything random. */
  readonly seed: number
  readonly steps: readonly PruneStep[]
  readonly recover: Recover
  /** What criteria look at, and repair. */
  readonly calibration: CalibrationSource | undefined
  /** What it is retrained on. */
  readonly training: TrainingSource | undefined
  /** Undefined: the model cannot pass. */
  readonly evaluation: EvaluationSettings | undefined
  /** What the gate demands of it: limits, or several demands. */
  readonly demands: readonly Demand[] | undefined
  /** How the smallest model that passes is looked for, where that is wanted: `steps` and `quantise` follow from what it finds. */
  readonly smallest: SmallestSettings | undefined
  /** Whether what is cut or permuted is proved before it is written. */
  readonly prove: boolean
  /** All that config and options say of it, as they say it. */
  readonly source: Omit<ModelSettings, 'evaluations'> & {
    readonly seed: number
    readonly overrides: Omit<Overrides, 'models' | 'prune' | 'device'>
  }
}
