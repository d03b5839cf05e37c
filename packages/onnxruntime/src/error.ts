import { PareError } from '@pare/onnx'

/** ONNX Runtime cannot be had or loaded here: not a fault of the request. */
export class OnnxRuntimeError extends PareError {
  readonly kind = 'infrastructure'
}
