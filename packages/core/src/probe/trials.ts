import type { Model } from '@pare/onnx'
import type { MeasuredLoss } from '../contract/contract.js'

/** Values of inputs of a model, by name. */
export type Setting = Readonly<Record<string, InputValue>>

/** The same, some of them lying in files. */
export type FileSetting = Readonly<Record<string, InputValue | InputFile>>

export interface InputValue {
  readonly type: 'float32' | 'float64' | 'float16'
  readonly shape: readonly number[]
  /** float16: the bits of the halves. */
  readonly data: Float32Array | Float64Array | Uint16Array
}

/** A value that lies in a file, its elements one after another, little-endian: whoever runs the model reads it there, and keeps it for the next trial. */
export interface InputFile extends Omit<InputValue, 'data'> {
  readonly path: string
}

/** Opens a model to be run over calibration data again and again, each time with other values of some inputs. Handed in: core has no run time. */
export type OpenTrials = (
  model: Model,
  options: {
    /** Inputs that do not come from the data, and what they hold unless a setting says otherwise. */
    readonly defaults: Setting
    readonly signal?: AbortSignal
  },
) => Promise<Trials>

/** A model that is loaded, and the data it runs on. */
export interface Trials extends AsyncDisposable {
  /** The loss with each setting, NaN where an output holds NaN. All settings see the same samples. One call at a time. */
  losses(
    settings: readonly FileSetting[],
    options: TrialLoss & { readonly onProgress?: (progress: { readonly done: number; readonly total?: number }) => void },
  ): Promise<readonly number[]>
}

/** A loss, or a metric by its name, then its value. */
export interface TrialLoss extends Omit<MeasuredLoss, 'against'> {
  /** Only so much of the samples, from the first on: above 0, up to 1. Default: 1 */
  readonly share?: number
  readonly against: MeasuredLoss['against'] | { readonly metric: string }
}
