/** Weights most of whose elements are one number are stored as a bitmap and the others: the same bits in fewer bytes. */
export interface StorageStep {
  readonly kind: 'store'
  readonly storage: 'sparse'
  readonly weights: readonly SparseTensorFacts[]
}

export interface SparseTensorFacts {
  /** Name of the initializer. */
  readonly id: string
  readonly elements: number
  /** Elements that are not the common one. */
  readonly others: number
}
