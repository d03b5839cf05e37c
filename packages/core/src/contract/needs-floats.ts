import { PareError } from '@pare/onnx'
import type { QuantisedTensor } from './contract.js'

/** What is said where other numbers than 0 would have to be written to a weight, or derived by it, and it is stored in integers. */
export function needsFloats(what: string, { form }: QuantisedTensor): PareError {
  return new PareError(`${what}: it is ${form}, and that needs floats.`, {
    hint: 'prune the float model, then quantise what is left; integers can be cut and masked by --criterion magnitude, and by wanda where floats go in.',
  })
}
