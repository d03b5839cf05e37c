import type { ChildOptions } from '@pare/evaluate'

/** Everything a command may touch of the process it runs in. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  /** Where somebody types, if anybody can. */
  readonly stdin?: NodeJS.ReadStream | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative paths on the command line start here. */
  readonly cwd: string
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly now: () => number
  /** Does jobs of models in this process, in tests. Default: child processes do */
  readonly work?: ChildOptions['work']
}

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** Colour on a terminal only, and never under NO_COLOR (no-color.org) or TERM=dumb; FORCE_COLOR turns it on elsewhere. */
export function wantsColor(output: Output, env: Io['env']): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0'
  return output.isTTY === true && env.TERM !== 'dumb'
}

/** A terminal somebody looks at: progress bars make sense there, in a CI log they do not. */
export function isInteractive(output: Output, env: Io['env']): boolean {
  return output.isTTY === true && !env.CI && env.TERM !== 'dumb'
}
