import type { Flow } from './flow.js'
import { MOST_ASIDE, type Region } from './regions.js'

/** What only a region needs of what does not come from its beginning: the keys and values of an encoder. */
export interface Feeders {
  /** Indices of steps. */
  readonly steps: ReadonlySet<number>
  /** Outputs of the model that these make, of those that are numbered as layers are. */
  readonly outputs: readonly string[]
}

/** None where there are many: then they are a network of their own. Linear in the steps. */
export function feedersOf(flow: Flow, region: Region): Feeders {
  const { steps, maker, readers, outputs } = flow
  const own = new Set([...region.steps, ...region.aside])
  const feeders = new Set<number>()
  const values: string[] = []
  const makersOf = (of: readonly number[]) =>
    of.flatMap((i) => steps[i]!.reads.flatMap((name) => (name === region.from ? [] : (maker.get(name) ?? []))))
  // Steps that hand a value on to outputs, one after another, and do nothing else. Undefined where it is read elsewhere, as for the size of what the region begins with.
  const passingOn = (name: string): readonly number[] | undefined => {
    const others = (readers.get(name) ?? []).filter((reader) => !own.has(reader) && !feeders.has(reader))
    const behind = others.flatMap((reader) => {
      const { reads, makes, weighs } = steps[reader]!
      const isEnd = makes.every((made) => readers.has(made) || outputs.has(made))
      return reads.length > 1 || weighs || !isEnd || makes.includes(region.from)
        ? [undefined]
        : [[reader], ...makes.map(passingOn)]
    })
    return behind.includes(undefined) ? undefined : behind.flatMap((each) => each ?? [])
  }
  const open = makersOf(region.steps)
  while (open.length > 0) {
    const i = open.pop()!
    if (own.has(i) || feeders.has(i)) continue
    const passing = steps[i]!.makes.map(passingOn)
    if (passing.includes(undefined)) continue
    if (feeders.size >= MOST_ASIDE) return NONE
    for (const step of [i, ...passing.flatMap((each) => each ?? [])]) {
      feeders.add(step)
      values.push(...steps[step]!.makes.filter((name) => outputs.has(name)))
    }
    open.push(...makersOf([i]))
  }
  // What is no part of each layer's stays an output.
  if (!values.every(isNumbered)) return NONE
  return { steps: feeders, outputs: values }
}

const NONE: Feeders = { steps: new Set(), outputs: [] }

/** Whether a name has a number, as names of caches have that of their layer. */
export const isNumbered = (name: string): boolean => /\d/.test(name)
