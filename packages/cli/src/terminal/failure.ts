import { PareError } from '@pare/onnx/error'

/** What kind of failure it is: wrong input of the user, something that broke, or input that may not be trusted. */
export type FailureKind = 'usage' | 'infrastructure' | 'untrusted'

/** A place in a file, counted from 1. */
export interface SourcePlace {
  /** As messages name it. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One thing that is wrong in a config, with the place and the cure. */
export interface Problem {
  /** 'models[0].gate.maxDrop', or '' for the config as a whole. */
  readonly place: string
  readonly message: string
  readonly hint?: string
  /** Where it stands in the config, or where it is missing. Default: that is not known */
  readonly at?: SourcePlace
}

/** A `PareError` that also says how the command ends. */
export class Failure extends PareError {
  readonly kind: FailureKind
  readonly problems: readonly Problem[]

  constructor(
    kind: FailureKind,
    message: string,
    more: { hint?: string | undefined; cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(message, more)
    this.kind = kind
    this.problems = more.problems ?? []
  }
}

/** Wrong arguments or config: exit code 2. */
export function usage(message: string, hint?: string, cause?: unknown): Failure {
  return new Failure('usage', message, { hint, cause })
}

/** Something executable from a place that is not trusted: exit code 4. */
export function untrusted(message: string, hint: string): Failure {
  return new Failure('untrusted', message, { hint })
}

/** A failure as the terminal, the JSON output and `results.json` show it. */
export interface FailureReport {
  readonly kind: FailureKind
  readonly message: string
  readonly hint?: string
  readonly problems?: readonly Problem[]
}

/** What is known of anything thrown. A `PareError` of another package is the user's to cure; what is no `PareError` broke. */
export function reportOf(error: unknown): FailureReport {
  const { message } = error instanceof Error ? error : new Error(String(error))
  if (error instanceof Failure) {
    return { kind: error.kind, message, ...hintOf(error), ...(error.problems.length > 0 ? { problems: error.problems } : {}) }
  }
  if (isPareError(error)) return { kind: kindOf(error), message, ...hintOf(error) }
  if (isSystemError(error))
    return { kind: 'infrastructure', message: `pare: the system refused: ${message}`, hint: systemHint(error.code) }
  return {
    kind: 'infrastructure',
    message: `pare: unexpected ${error instanceof Error ? error.name : typeof error}: ${message}`,
    hint: 'this is a bug of pare: run again with --verbose and report the stack trace',
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || isAbort(error.cause))
}

/** The stack trace, and those of its causes: for --verbose. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? String(error.stack) : `${error.stack}\nCaused by: ${stackOf(error.cause)}`
}

/** By name too: a plugin may bring a copy of `@pare/onnx` of its own. */
export function isPareError(error: unknown): error is Error & { readonly hint?: string | undefined } {
  return error instanceof PareError || (error instanceof Error && error.name === 'PareError')
}

function kindOf(error: Error): FailureKind {
  const kind = 'kind' in error ? error.kind : undefined
  return kind === 'infrastructure' || kind === 'untrusted' ? kind : 'usage'
}

function hintOf(error: { readonly hint?: string | undefined }): { hint?: string } {
  return error.hint === undefined ? {} : { hint: error.hint }
}

function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
}

function systemHint(code: string): string {
  switch (code) {
    case 'ENOSPC':
      return 'free some disk space, or choose another folder with --out'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'choose a folder you may write to with --out'
    case 'EMFILE':
    case 'ENOMEM':
      return 'close other programs, or use a larger machine'
    default:
      return 'run again with --verbose for the stack trace'
  }
}
