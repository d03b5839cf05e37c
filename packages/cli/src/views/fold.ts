/** Entries that a table shows as one. */
export interface Fold<Entry> {
  readonly entries: readonly Entry[]
  /** The names of all, with '*' for the numbers that differ: a glob where there is more than one. */
  readonly name: string
}

/** Folds entries whose names differ in numbers only and that are alike in `key`, in order of the first. */
export function folded<Entry>(
  entries: readonly Entry[],
  { name, key }: { readonly name: (entry: Entry) => string; readonly key: (entry: Entry) => string },
): readonly Fold<Entry>[] {
  const folds = new Map<string, Entry[]>()
  for (const entry of entries) {
    const id = `${name(entry).replace(NUMBER, '*')}\n${key(entry)}`
    folds.set(id, [...(folds.get(id) ?? []), entry])
  }
  return [...folds.values()].map((own) => ({ entries: own, name: commonName(own.map(name)) }))
}

/** Not the axis behind a name, nor the number of a group behind that: 'w:0#2'. */
const NUMBER = /(?<![:#]\d*)\d+/g

function commonName(names: readonly string[]): string {
  const [first, ...rest] = names.map((name) => name.split(/((?<![:#]\d*)\d+)/))
  return first!.map((part, i) => (rest.every((other) => other[i] === part) ? part : '*')).join('')
}
