import type { BlockSize, Quantiser, RangeRule, Rounding } from '@pare/quantise/choices'
import type { QuantiseConfig } from '../options/quantise.js'
import type { Problem } from '../terminal/failure.js'
import type { CalibrationSource } from './data/calibration.js'

/** What is to be done to weights, as far as it is said. */
export interface QuantiserSettings {
  readonly method: Quantiser
  readonly block?: BlockSize
  readonly range?: RangeRule
  readonly rounding?: Rounding
  /** How far what is hard to round moves from values to weights before anything is rounded. */
  readonly smooth?: number | 'search'
  /** That outputs may be off by on calibration data, as a part of their size. */
  readonly error?: number
}

export function quantiserOf(setting: QuantiseConfig): QuantiserSettings {
  return typeof setting === 'string' ? { method: setting } : setting
}

/** Why weights cannot be given fewer bits with the data that are there. */
export function quantiseProblems(
  {
    quantise,
    baselines,
  }: { readonly quantise?: QuantiseConfig | undefined; readonly baselines?: readonly Quantiser[] | false | undefined },
  calibration: CalibrationSource | undefined,
  placeOf: (section: 'quantise' | 'baselines') => string,
): Problem[] {
  const wanted = [
    ...(quantise === undefined ? [] : [{ section: 'quantise' as const, who: whoMeasures(quantise) }]),
    ...(baselines || []).map((method) => ({ section: 'baselines' as const, who: whoMeasures(method) })),
  ]
  const lacks = calibration === undefined ? 'there are none' : 'a file of statistics has no inputs to run'
  if (calibration !== undefined && calibration.statistics === undefined) return []
  return wanted.flatMap(({ section, who }) =>
    who === undefined
      ? []
      : [
          {
            place: placeOf(section),
            message: `${section}: ${who} needs calibration data, and ${lacks}.`,
            hint: "name inputs that are like those the model will meet: --calibrate data.npz, or calibrate: 'data.npz' in the config",
          },
        ],
  )
}

/** Who needs calibration data; undefined: nobody. */
export function whoMeasures(setting: QuantiseConfig): string | undefined {
  const { method, rounding, error, smooth } = quantiserOf(setting)
  if (method === 'int8-static') return method
  if (error !== undefined) return `${method} with an error that is allowed`
  if (smooth !== undefined) return `${method} with smoothing`
  return rounding === 'gptq' ? `${method} rounded by gptq` : undefined
}
