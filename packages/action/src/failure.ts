/** Why a run ended without a verdict. The numbers are exit codes, the same as the command line's. */
export const exitCodes = { pass: 0, fail: 1, usage: 2, infrastructure: 3, untrusted: 4, interrupted: 130 } as const

export type ActionFailureKind = Exclude<keyof typeof exitCodes, 'pass' | 'fail'>

/** Something the user can act on. Anything else thrown is a bug of ours. */
export class ActionFailure extends Error {
  readonly kind: ActionFailureKind
  /** The next step: an input, a command, a setting. */
  readonly hint: string | undefined

  constructor(kind: ActionFailureKind, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'Failure'
    this.kind = kind
    this.hint = options.hint
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
