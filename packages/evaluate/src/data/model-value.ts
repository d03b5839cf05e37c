/** An input or output of a model. A dimension is a size, or the name of a size that is free ('' where it has no name). */
export interface ModelValue {
  readonly name: string
  /** 'float32', 'int64', … as ONNX Runtime names them. */
  readonly type: string
  /** Empty for a scalar and where the rank is unknown. */
  readonly shape: readonly (number | string)[]
}
