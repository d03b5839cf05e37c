import type { DistillWeights, Loss, MovementOptions, RecipeOptions } from '@pare/retrain'
import { type Problem, reportOf, usage } from '../terminal/failure.js'

/** What is done about a model once it is pruned, as a config says it. 'retrain' is { retrain: {} }. */
export type RecoverConfig = 'none' | 'repair' | 'retrain' | RecoverParts

export interface RecoverParts {
  /** Fits what is left to calibration data, before it is retrained. Default: false */
  repair?: boolean
  /** Trains what is left on training data. Default: it does not */
  retrain?: RetrainConfig
}

/** How it is retrained. All of it has a default, see @pare/retrain. */
export interface RetrainConfig extends Readonly<RecipeOptions> {
  /** Samples that are not trained on, by which the best weights are chosen; below 1 a share. Default: 0.05, at most 512 samples or 64 windows of text. */
  readonly holdOut?: number
  /** Globs over tensors, or nodes that read them: only these are trained. Default: all parameters. */
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  /** 'follow': normalisations are trained with the statistics of each batch. 'keep': with those that they have. Default: 'follow'. */
  readonly statistics?: 'follow' | 'keep'
  /** Bytes that activations of a batch may take: what is more is computed again. Default: no limit. */
  readonly activationBytes?: number
  /** Movement pruning while it trains: what moves away from zero is kept. Default: masks stay as they are. */
  readonly movement?: MovementOptions
  /** Learns from the model before it was pruned, too. Default: false. */
  readonly distill?: boolean | DistillWeights
}

/** What is done, all of it decided. */
export interface Recover {
  readonly repair: boolean
  readonly retrain?: RetrainConfig
}

export const NO_RECOVERY: Recover = { repair: false }

/** '--recover repair,retrain' */
export function recover(text: string): RecoverConfig {
  const parts = text.split(',').map((part) => part.trim())
  const known = parts.every((part) => part === 'repair' || part === 'retrain')
  if (text === 'none' || (known && new Set(parts).size === parts.length)) {
    if (parts.length === 1) return text as 'none' | 'repair' | 'retrain'
    return { repair: true, retrain: {} }
  }
  throw usage(
    `pare: --recover is '${text}'; expected repair, retrain, both (repair,retrain) or none.`,
    'repair fits statistics, biases and weights to calibration data: --recover repair --calibrate data.npz; retrain trains what is left: --recover retrain --train data.npz',
  )
}

/** Options of retraining that the command line has. */
export type RetrainOverrides = Pick<RetrainConfig, 'steps' | 'epochs' | 'learningRate' | 'distill'>

/** What is wanted: what was said, else 'repair' with a preset that has data to repair with, else nothing. Overrides win over the config's. */
export function recoverOf(said: RecoverConfig | undefined, { isPreset, data, overrides = {} }: Recovering): Recover {
  if (said === undefined) return { repair: isPreset && data !== undefined && data.statistics === undefined }
  if (said === 'none') return NO_RECOVERY
  if (said === 'repair') return { repair: true }
  const { repair = false, retrain } = said === 'retrain' ? { retrain: {} } : said
  if (retrain === undefined) return { repair }
  // Steps and epochs say the same thing.
  const { steps, epochs, ...others } = retrain
  const length = overrides.steps === undefined && overrides.epochs === undefined ? { steps, epochs } : {}
  const lengths = Object.fromEntries(Object.entries(length).filter(([, value]) => value !== undefined))
  return { repair, retrain: { ...others, ...lengths, ...overrides } }
}

export interface Recovering {
  readonly isPreset: boolean
  readonly data: Data | undefined
  /** Default: none */
  readonly overrides?: RetrainOverrides
}

/** Calibration data; with statistics set it is a file of those, which cannot be run. */
interface Data {
  readonly run: object
  readonly statistics?: object
}

export interface RecoveryData {
  readonly calibration: Data | undefined
  readonly training: object | string | undefined
  /** What the command line said of retraining. */
  readonly overrides?: RetrainOverrides
  /** What retraining minimises. Default: what model and labels suggest. */
  readonly loss?: Loss
}

/** Why that cannot be done, if so. */
export async function recoverProblems({ repair, retrain }: Recover, data: RecoveryData, place: string): Promise<Problem[]> {
  const { calibration, training, overrides = {}, loss } = data
  const problems: Problem[] = []
  if (repair && (calibration === undefined || calibration.statistics !== undefined)) {
    const found = calibration === undefined ? 'there are none' : 'a file of statistics has no inputs to run'
    problems.push({
      place,
      message: `recover: repair needs calibration data, and ${found}.`,
      hint: "name inputs that are like those the model will meet: --calibrate data.npz, or calibrate: 'data.npz' in the config",
    })
  }
  if (retrain !== undefined && training === undefined) {
    problems.push({
      place,
      message: 'recover: retrain needs training data, and there are none.',
      hint: "name inputs with labels, or without where it is distilled: --train data.npz, or train: 'data.npz' in the config",
    })
  }
  const [stray] = Object.keys(overrides)
  if (retrain === undefined && stray !== undefined) {
    problems.push({
      place: '',
      message: `${stray} is how a model is retrained, and it is not.`,
      hint: 'say --recover retrain, or leave it out',
    })
  }
  return retrain === undefined ? problems : [...problems, ...(await trainingProblems(retrain, loss, place))]
}

/** What contradicts itself, or is out of range, in how a model is retrained. */
async function trainingProblems(retrain: RetrainConfig, loss: Loss | undefined, place: string): Promise<Problem[]> {
  const { checkRetraining } = await import('@pare/retrain')
  const { distill: _, ...recipe } = retrain
  const distill = distillWeights(retrain)
  try {
    checkRetraining({ ...recipe, ...(distill && { distill }), ...(loss && { loss }) })
    return []
  } catch (error) {
    const { message, hint } = reportOf(error)
    return [{ place, message, ...(hint !== undefined && { hint }) }]
  }
}

/** Undefined: there is no teacher. */
export function distillWeights({ distill = false }: RetrainConfig): DistillWeights | undefined {
  if (distill === false) return undefined
  return distill === true ? {} : distill
}
