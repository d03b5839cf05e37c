/** What a user does: a model, data, and the command that judges the model as it is pruned. */
export interface Task {
  /** 'yes or no' */
  readonly name: string
  /** What the model takes and gives, for the table. */
  readonly model: string
  /** What the data look like, for the table. */
  readonly data: string
  /** What is typed besides `pare run` and the target. Everything else is found. */
  readonly options: string
  /** A config that stands beside, where no option says it. */
  readonly config?: string
  /** The metric that the gate looks at, as results name it. */
  readonly metric: string
  make(): TaskFiles | Promise<TaskFiles>
}

export interface TaskFiles {
  /** Contents by path. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  /** What the metric of the model is, worked out without Pare. */
  readonly value?: number
}

/** Sparsities at which each task passes, and fails. */
export const LIGHT = '0.3'
export const HEAVY = '0.95'

/** What is typed. Without a sparsity half of the weights go. */
export function commandOf({ options, config }: Task, sparsity?: string): string {
  const target = sparsity === undefined ? [] : ['--sparsity', sparsity]
  return ['pare run', ...(config === undefined ? ['model.onnx', options] : []), ...target].join(' ')
}
