import { z } from 'zod'

/** Why a run ended without a verdict. The numbers are exit codes, the same as the command line's. */
export const exitCodes = { pass: 0, fail: 1, usage: 2, infrastructure: 3, untrusted: 4, interrupted: 130 } as const

export type ActionFailureKind = Exclude<keyof typeof exitCodes, 'pass' | 'fail'>

/** A place in a file, counted from 1. The file is relative to the working directory, or absolute. */
export interface FilePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One of several things that are wrong in a config. */
export interface ConfigProblem {
  readonly place: string
  readonly message: string
  readonly hint?: string | undefined
  readonly at?: FilePlace | undefined
}

const problem = z.object({
  ...{ place: z.string(), message: z.string(), hint: z.string().optional() },
  at: z.object({ file: z.string(), line: z.number().int().min(1), column: z.number().int().min(1) }).optional(),
})

/** What is wrong in a config, of whatever the command line says of it. */
export function problemsIn(error: unknown): readonly ConfigProblem[] {
  const parsed = z.object({ problems: z.array(problem) }).safeParse(error)
  return parsed.success ? parsed.data.problems : []
}

/** Something the user can act on. Anything else thrown is a bug of ours. */
export class ActionFailure extends Error {
  readonly kind: ActionFailureKind
  /** The next step: an input, a command, a setting. */
  readonly hint: string | undefined
  /** What is wrong in a config, one by one. */
  readonly problems: readonly ConfigProblem[]

  constructor(
    kind: ActionFailureKind,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown; readonly problems?: readonly ConfigProblem[] } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'Failure'
    this.kind = kind
    this.hint = options.hint
    this.problems = options.problems ?? []
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Anything thrown as a Failure. A `PareError` keeps its kind and hint; what is none is our bug, and aborting is no error. */
export function asFailure(error: unknown, signal: AbortSignal): ActionFailure {
  if (signal.aborted) return new ActionFailure('interrupted', 'action: cancelled before there was a verdict', { cause: error })
  if (error instanceof ActionFailure) return error
  if (error instanceof Error && error.name === 'PareError') {
    const { kind, hint } = error as { kind?: unknown; hint?: unknown }
    return new ActionFailure(kind === 'infrastructure' || kind === 'untrusted' ? kind : 'usage', error.message, {
      ...(typeof hint === 'string' ? { hint } : {}),
      problems: problemsIn(error),
      cause: error,
    })
  }
  return new ActionFailure(
    'infrastructure',
    `action: unexpected ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    {
      hint: 'this is a bug of Pare: please report it with the log of this step',
      cause: error,
    },
  )
}
