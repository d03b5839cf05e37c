import type { Numbers } from '../data/ndarray.js'

/** One sample as the metrics see it: what the model put out and what it is compared with. */
export interface JudgedSample {
  /** Rows of scores: one, or one for each position of a sequence. A regression has a single row of values. */
  readonly rows: readonly Numbers[]
  /** The reference model's rows. */
  readonly reference?: readonly Numbers[]
  /** The label: one class, or as many values as the output has. */
  readonly label?: Numbers
  /** Token ids, as many as rows. */
  readonly tokens?: Numbers
  /** Whether each token is to be predicted from the ones before it. */
  readonly scored?: Numbers
}
