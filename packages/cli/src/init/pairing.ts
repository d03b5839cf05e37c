import type { DataGlance, Pooling } from '@pare/evaluate'
import type { Signature } from './signature.js'

/** What is known of one model and of one data set for it. */
export interface Pairing {
  readonly signature: Signature
  readonly glance: DataGlance
  /** As the config names them. */
  readonly data: string
  readonly tokenizer?: string
  /** How the folder of sentence-transformers makes vectors of texts, where the model lies in one. */
  readonly pooling?: Pooling
  /** Names of classes that a config.json beside model or data gives. */
  readonly id2label?: readonly string[]
}
