/** A value that is put in the place of another in a JSON text. */
export interface JsonEdit {
  /** Keys from the outermost object down to the value. */
  readonly path: readonly string[]
  readonly value: unknown
  /** The key of the same object behind which it is put, where there is no such key yet. */
  readonly behind?: string
}

/** A JSON text with some values changed: every other byte stays as it is. The text must be JSON; a path that it does not have, and that says no `behind`, is a bug. */
export function editJson(text: string, edits: readonly JsonEdit[]): string {
  const members = membersOf(text)
  const changes = edits.map(({ path, value, behind }) => {
    const own = members.get(keyOf(path))
    if (own !== undefined) return { ...own, text: written(value, text, own) }
    const before = behind === undefined ? undefined : members.get(keyOf([...path.slice(0, -1), behind]))
    if (before === undefined) throw new Error(`there is no ${path.join('.')} in the text`)
    const gap = /\s*$/.exec(text.slice(0, before.key))![0]
    return { start: before.end, end: before.end, text: `,${gap}${JSON.stringify(path.at(-1))}: ${JSON.stringify(value)}` }
  })
  changes.sort((a, b) => b.start - a.start)
  return changes.reduce((whole, { start, end, text: own }) => whole.slice(0, start) + own + whole.slice(end), text)
}

/** Where a member of an object stands: its key, and its value from `start` to `end`. */
interface Member {
  readonly key: number
  readonly start: number
  readonly end: number
}

const keyOf = (path: readonly string[]) => JSON.stringify(path)

/** A list over several lines stays one. */
function written(value: unknown, text: string, { key, start, end }: Member): string {
  if (!Array.isArray(value) || !text.slice(start, end).includes('\n')) return JSON.stringify(value)
  const indent = /[^\n\S]*$/.exec(text.slice(0, key))![0]
  return JSON.stringify(value, null, indent.length > 0 && indent.length < 8 ? indent : 2).replaceAll('\n', `\n${indent}`)
}

/** The members of all objects, by path; of a key that stands there twice the last, as JSON.parse has it. Lists are not looked into. */
function membersOf(text: string): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>()
  const space = /\s*/y
  const token = /"(?:[^"\\]|\\.)*"|[^\s,\]}]+/y
  const match = (pattern: RegExp, at: number) => {
    pattern.lastIndex = at
    return pattern.exec(text)![0]
  }
  const skip = (at: number) => at + match(space, at).length
  const value = (at: number, path: readonly string[] | undefined): number => {
    const open = text[at]
    if (open !== '{' && open !== '[') return at + match(token, at).length
    let next = skip(at + 1)
    while (text[next] !== '}' && text[next] !== ']') {
      let own: readonly string[] | undefined
      const key = next
      if (open === '{') {
        const name = match(token, next)
        own = path && [...path, JSON.parse(name) as string]
        next = skip(skip(next + name.length) + 1)
      }
      const end = value(next, own)
      if (own !== undefined) members.set(keyOf(own), { key, start: next, end })
      next = skip(end)
      if (text[next] === ',') next = skip(next + 1)
    }
    return next + 1
  }
  value(skip(0), [])
  return members
}
