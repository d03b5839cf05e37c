/** What is done, in words, where data do not help. */
export interface Fallback {
  /** Every input was zero. */
  readonly zero: string
  /** The Gram matrix has no factor. */
  readonly indefinite: string
}

/** The options of `sparsegpt` or `gptq`, complete. */
export interface SparseGptSettings {
  readonly damping: number
  readonly block: number
  readonly threads: number | undefined
  /** Of the weight, that are updated at a time. With scope 'tensor' the rows that they make up are ranked together. */
  readonly elements: number
  readonly fallback: Fallback
}
