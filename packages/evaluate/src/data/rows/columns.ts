import { present } from '@pare/onnx'

/** Columns that say something of the samples, besides inputs and labels, as the user names them. */
export interface ColumnOptions {
  /** Says which samples belong together. Default: what the format itself knows */
  readonly group?: string
  /** Tell samples apart. */
  readonly slices?: readonly string[]
  /** Names samples. Default: the first of 'id', 'path', 'file', 'file_name' that is no input */
  readonly id?: string
}

/** The columns of a data set that were asked for, or that it knows itself. */
export interface ColumnNames {
  readonly group?: string
  /** Whether the format knows the groups, and nobody asked. */
  readonly isOwnGroup: boolean
  readonly slices: readonly string[]
  readonly id?: string
}

/** Values of columns, one for each sample. */
export type ColumnValues = Readonly<Record<string, readonly (string | number)[]>>

export const ID_NAMES = ['id', 'path', 'file', 'file_name']

/** The columns of data with these names. `group` is what the format knows itself. */
export function chooseColumns(
  { group, slices = [], id }: ColumnOptions,
  { names, inputs, own }: { readonly names: readonly string[]; readonly inputs: ReadonlySet<string>; readonly own?: string },
): { readonly columns: ColumnNames; readonly problems: readonly string[] } {
  const problems = [
    ...missing('the groups', group === undefined ? [] : [group], names),
    ...missing('a slice', slices, names),
    ...missing('the names of samples', id === undefined ? [] : [id], names),
  ]
  const chosen = id ?? ID_NAMES.find((name) => names.includes(name) && !inputs.has(name))
  return {
    problems,
    columns: { slices, isOwnGroup: group === undefined, ...present({ group: group ?? own, id: chosen }) },
  }
}

/** All of them, each once. */
export function namesIn({ group, slices, id }: ColumnOptions): string[] {
  return [...new Set([group, ...(slices ?? []), id].filter((name) => name !== undefined))]
}

function missing(what: string, asked: readonly string[], names: readonly string[]): string[] {
  return asked
    .filter((name) => !names.includes(name))
    .map((name) => `no column '${name}' for ${what}; there are ${names.map((each) => `'${each}'`).join(', ') || 'none'}.`)
}

/** A cell as a column keeps it. */
export function cellOf(value: unknown): string | number | undefined {
  if (typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Date) return value.toISOString()
  return value === null || value === undefined ? '' : undefined
}
