/** Which batches of the evaluation data one machine judges: numbered from 0, every `count`th from `index` − 1 on. */
export interface EvaluationShare {
  /** From 1 on. */
  readonly index: number
  readonly count: number
  /** Path of the recording that is written: no file may be there. */
  readonly recording: string
}

export function isInShare({ index, count }: Pick<EvaluationShare, 'index' | 'count'>, batch: number): boolean {
  return batch % count === index - 1
}
