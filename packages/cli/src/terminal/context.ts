import type { Io } from './io.js'
import type { Progress } from './progress.js'
import { columnsOf } from './table.js'
import { guarded, visibleData, visibleJson } from './visible.js'

/** What every command is given besides its own arguments. */
export interface Context {
  readonly io: Io
  readonly flags: OutputFlags
  readonly progress: Progress
  /** The command line, as it was typed. */
  readonly words: readonly string[]
}

export interface OutputFlags {
  /** One JSON document on stdout. */
  readonly json: boolean
  /** No progress, no tables: errors, and figures that a command was asked for. */
  readonly quiet: boolean
  /** Stack traces. */
  readonly verbose: boolean
}

/** For people; nothing under --json and --quiet. `render` is given the data with every text in them on one line and free of controls, and the columns of a line. */
export function say<Data>({ io, flags }: Context, data: Data, render: (data: Data, columns: number) => string): void {
  if (!flags.json && !flags.quiet) write(io, data, render)
}

/** What --quiet leaves of a command whose answer is a figure. */
export function sayPlainly<Data>({ io, flags }: Context, data: Data, render: (data: Data) => string): void {
  if (flags.quiet && !flags.json) write(io, data, render)
}

function write<Data>(io: Io, data: Data, render: (data: Data, columns: number) => string): void {
  const text = guarded(render(visibleData(data), columnsOf(io.stdout)))
  io.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** The one document of --json. JSON has no NaN: a number that is none is left out. */
export function answer({ io, flags }: Context, document: object): void {
  if (flags.json) io.stdout.write(`${toJson(document)}\n`)
}

export function toJson(document: object): string {
  const withoutNaN = (_: string, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? undefined : value)
  return visibleJson(JSON.stringify(document, withoutNaN, 2))
}
