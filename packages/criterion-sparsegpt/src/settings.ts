/** The options of `sparsegpt`, complete. */
export interface SparseGptSettings {
  readonly damping: number
  readonly block: number
  readonly threads: number | undefined
  /** Of the weight, that are updated at a time. With scope 'tensor' the rows that they make up are ranked together. */
  readonly elements: number
}
