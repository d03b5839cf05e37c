import type { ModelValue } from '../model-value.js'

/** A file of arrays, in memory. */
export interface ArrayFile {
  readonly bytes: Buffer
  /** As messages call it. */
  readonly name: string
  /** The inputs of the model that the data must name: those that nothing else fills. */
  readonly inputs: readonly ModelValue[]
  /** The name of the array with the labels. */
  readonly label: string
  /** Bytes that it may have unpacked. */
  readonly maxBytes: number
}
