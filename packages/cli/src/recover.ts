import { type Problem, usage } from './failure.js'

/** What is done about a model once it is pruned. */
export type Recover = 'none' | 'repair'

/** '--recover repair' */
export function recover(text: string): Recover {
  if (text === 'none' || text === 'repair') return text
  throw usage(
    `pare: --recover is '${text}'; expected repair or none.`,
    'repair fits statistics, biases and weights to calibration data: --recover repair --calibrate data.npz',
  )
}

/** What is wanted: what was said, else 'repair' with a preset that has data to repair with, else 'none'. */
export function recoverOf(said: Recover | undefined, { isPreset, data }: Recovering): Recover {
  return said ?? (isPreset && data !== undefined && data.statistics === undefined ? 'repair' : 'none')
}

export interface Recovering {
  readonly isPreset: boolean
  readonly data: Data | undefined
}

/** Calibration data; with statistics set it is a file of those, which cannot be run. */
interface Data {
  readonly run: object
  readonly statistics?: object
}

/** Why that cannot be done, if so. */
export function recoverProblems(wanted: Recover, data: Data | undefined, place: string): Problem[] {
  if (wanted === 'none' || (data !== undefined && data.statistics === undefined)) return []
  const found = data === undefined ? 'there are none' : 'a file of statistics has no inputs to run'
  return [
    {
      place,
      message: `recover: repair needs calibration data, and ${found}.`,
      hint: "name inputs that are like those the model will meet: --calibrate data.npz, or calibrate: 'data.npz' in the config",
    },
  ]
}
