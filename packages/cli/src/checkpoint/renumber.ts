/** Names as they are afterwards: layers and experts that are left are counted anew. */
export interface Renumbering {
  /** By name before. Names that are not among them go. */
  readonly names: ReadonlyMap<string, string>
  /** Names of tensors that go alone, while others of their module stay. */
  readonly torn: readonly string[]
}

/** What is known of a tensor: it goes, it stays, or the model does not hold it and it goes where its module does. */
export type Fate = 'goes' | 'stays' | 'follows'

/**
 * Modules that are counted, 'model.layers.3', go where all of them goes that is known to; those behind them move up. What goes has to go with such a module: nothing
 * else says to whoever reads the checkpoint that it is not there.
 */
export function renumbered(fates: ReadonlyMap<string, Fate>): Renumbering {
  const modules = new Map<string, Set<Fate>>()
  for (const [name, fate] of fates)
    for (const { path } of modulesOf(name)) modules.set(path, (modules.get(path) ?? new Set()).add(fate))
  const isGone = (path: string) => modules.get(path)!.has('goes') && !modules.get(path)!.has('stays')
  const names = new Map<string, string>()
  const torn: string[] = []
  const numbersOf = numbersByList(modules.keys())
  for (const [name, fate] of fates) {
    const own = modulesOf(name)
    if (own.some(({ path }) => isGone(path))) continue
    if (fate === 'goes') torn.push(name)
    const parts = name.split('.')
    for (const { list, number, at } of own) {
      const before = numbersOf.get(list)!.filter((other) => other < number && isGone(`${list}${other}`)).length
      parts[at] = `${number - before}`
    }
    names.set(name, parts.join('.'))
  }
  return { names, torn }
}

/** The counted modules that a tensor is in: of 'model.layers.3.mlp.up.weight' the one 'model.layers.3'. */
function modulesOf(name: string) {
  const parts = name.split('.')
  return parts.flatMap((part, at) => {
    if (!/^(0|[1-9]\d{0,8})$/.test(part)) return []
    const list = parts
      .slice(0, at)
      .map((each) => `${each}.`)
      .join('')
    return [{ list, number: Number(part), at, path: `${list}${part}` }]
  })
}

function numbersByList(paths: Iterable<string>): ReadonlyMap<string, readonly number[]> {
  const lists = new Map<string, number[]>()
  for (const path of paths) {
    const cut = path.lastIndexOf('.') + 1
    const list = path.slice(0, cut)
    lists.set(list, [...(lists.get(list) ?? []), Number(path.slice(cut))])
  }
  return lists
}
