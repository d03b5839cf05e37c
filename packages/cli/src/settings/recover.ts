import { present } from '@pare/onnx'
import type { DistillWeights, LoraOptions, Loss } from '@pare/retrain'
import type { BlocksConfig, RecoverConfig, RetrainConfig } from '../options/recover.js'
import { type Problem, reportOf } from '../terminal/failure.js'

/** What is done, all of it decided. */
export interface Recover {
  readonly repair: boolean
  readonly blocks?: BlocksConfig
  readonly retrain?: RetrainConfig
}

const NO_RECOVERY: Recover = { repair: false }

/** What is wanted: what was said, else 'repair' with a preset that has data to repair with, else nothing. Overrides win over the config's. */
export function recoverOf(setting: RecoverConfig | undefined, { isPreset, data, overrides }: Recovering): Recover {
  if (setting === undefined) return { repair: isPreset && data !== undefined && data.statistics === undefined }
  if (setting === 'none') return NO_RECOVERY
  if (setting === 'repair') return { repair: true }
  if (setting === 'blocks') return { repair: false, blocks: {} }
  const { repair = false, blocks = false, retrain } = setting === 'retrain' ? { retrain: {} } : setting
  const before = { repair, ...(blocks !== false && { blocks: blocks === true ? {} : blocks }) }
  if (retrain === undefined) return before
  // Steps and epochs say the same thing.
  const { steps, epochs, ...others } = retrain
  const length = overrides.steps === undefined && overrides.epochs === undefined ? { steps, epochs } : {}
  const lengths = Object.fromEntries(Object.entries(length).filter(([, value]) => value !== undefined))
  return { ...before, retrain: { ...others, ...lengths, ...overrides } }
}

export interface Recovering {
  readonly isPreset: boolean
  readonly data: Data | undefined
  readonly overrides: RetrainConfig
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
  readonly overrides: RetrainConfig
  /** What retraining minimises. Undefined: what model and labels suggest. */
  readonly loss: Loss | undefined
}

/** Why that cannot be done, if so. */
export async function recoverProblems(
  { repair, blocks, retrain }: Recover,
  data: RecoveryData,
  place: string,
): Promise<Problem[]> {
  const { calibration, training, overrides, loss } = data
  const problems: Problem[] = []
  const fitting = repair ? 'repair' : blocks && 'blocks'
  if (fitting && (calibration === undefined || calibration.statistics !== undefined)) {
    const reason = calibration === undefined ? 'there are none' : 'a file of statistics has no inputs to run'
    problems.push({
      place,
      message: `recover: ${fitting} needs calibration data, and ${reason}.`,
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
  const { distill: _, lora: __, ...recipe } = retrain
  const [distill, lora] = [distillWeights(retrain), loraOf(retrain)]
  try {
    checkRetraining({ ...recipe, ...present({ distill, lora }), ...(loss && { loss }) })
    return []
  } catch (error) {
    const { message, hint } = reportOf(error)
    return [{ place, message, ...present({ hint }) }]
  }
}

/** Undefined: there is no teacher. */
export function distillWeights({ distill = false }: RetrainConfig): DistillWeights | undefined {
  if (distill === false) return undefined
  return distill === true ? {} : distill
}

/** Undefined: the weights themselves are trained. */
export function loraOf({ lora }: RetrainConfig): LoraOptions | undefined {
  return typeof lora === 'number' ? { rank: lora } : lora
}
