import type { Io } from './io.js'
import type { Progress } from './progress.js'

/** What every command is given besides its own arguments. */
export interface Context {
  readonly io: Io
  readonly flags: OutputFlags
  readonly progress: Progress
}

export interface OutputFlags {
  /** One JSON document on stdout. */
  readonly json: boolean
  /** No progress, no tables: errors only. */
  readonly quiet: boolean
  /** Stack traces. */
  readonly verbose: boolean
}

/** For people; nothing under --json and --quiet. */
export function say({ io, flags }: Context, text: string): void {
  if (!flags.json && !flags.quiet) io.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** The one document of --json. JSON has no NaN: a number that is none is left out. */
export function answer({ io, flags }: Context, document: object): void {
  if (flags.json) io.stdout.write(`${toJson(document)}\n`)
}

export function toJson(document: object): string {
  return JSON.stringify(
    document,
    (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? undefined : value),
    2,
  )
}
