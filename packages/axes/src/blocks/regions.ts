import type { Flow } from './flow.js'

/** The part of a graph that lies between two values: what is made of the first and needed for the second. */
export interface Region {
  readonly from: string
  readonly to: string
  /** Indices of steps between them, ascending. */
  readonly steps: readonly number[]
  /** Indices of steps that only make outputs of the model out of what is inside, such as its part of a cache. */
  readonly aside: readonly number[]
  /** These outputs. */
  readonly outputs: readonly string[]
}

/** The region between two values. Undefined where something inside is read outside, or `to` is not made of `from`. Linear in the steps between. */
export function regionBetween(flow: Flow, from: string, to: string): Region | undefined {
  const last = flow.maker.get(to)
  if (last === undefined) return undefined
  const inside = stepsBetween(flow, { from, last })
  if (!inside.has(last)) return undefined
  const aside = new Set<number>()
  const outputs: string[] = []
  const open = [...inside].flatMap((i) => flow.steps[i]!.makes.filter((name) => name !== to))
  while (open.length > 0) {
    const name = open.pop()!
    if (flow.outputs.has(name)) outputs.push(name)
    for (const reader of flow.readers.get(name) ?? []) {
      if (inside.has(reader) || aside.has(reader)) continue
      if (aside.size === MOST_ASIDE) return undefined
      aside.add(reader)
      open.push(...flow.steps[reader]!.makes)
    }
  }
  if (outputs.length === flow.outputs.size) return undefined
  const own = (i: number | undefined) => i === undefined || i < last || inside.has(i) || aside.has(i)
  if ([...aside].some((i) => !flow.steps[i]!.reads.every((name) => name !== to && own(flow.maker.get(name))))) return undefined
  return { from, to, steps: ascending(inside), aside: ascending(aside), outputs }
}

/** What leads aside to outputs is short; longer, it is the rest of the network. */
export const MOST_ASIDE = 64

function stepsBetween({ steps, maker }: Flow, { from, last }: { from: string; last: number }): Set<number> {
  const names = new Set([from])
  const after = new Set<number>()
  for (let i = (maker.get(from) ?? -1) + 1; i <= last; i++) {
    if (!steps[i]!.reads.some((name) => names.has(name))) continue
    after.add(i)
    for (const name of steps[i]!.makes) names.add(name)
  }
  const between = new Set<number>()
  const open = after.has(last) ? [last] : []
  while (open.length > 0) {
    const i = open.pop()!
    if (between.has(i)) continue
    between.add(i)
    for (const name of steps[i]!.reads) {
      const maker_ = name === from ? undefined : maker.get(name)
      if (maker_ !== undefined && after.has(maker_)) open.push(maker_)
    }
  }
  return between
}

/**
 * Regions that are added to what enters them and hold a weight, in the order of the graph; of those that lie in one another the innermost. Work is
 * the sum of their lengths: linear where exporters write a block in one stretch.
 */
export function residualRegions(flow: Flow): Region[] {
  const regions: Region[] = []
  for (const { makes, addends } of flow.steps) {
    if (addends.length < 2) continue
    for (const from of skipped(flow, addends)) {
      const region = regionBetween(flow, from, makes[0]!)
      if (region === undefined || !region.steps.some((i) => flow.steps[i]!.weighs)) continue
      regions.push(region)
      break
    }
  }
  const ends = new Set<number>()
  return regions.filter(({ steps }) => {
    const isInnermost = !steps.some((i) => ends.has(i))
    ends.add(steps.at(-1)!)
    return isInnermost
  })
}

/** What a sum may have skipped over, the latest first: its addends, and those of sums among them. */
function skipped({ steps, maker }: Flow, addends: readonly string[]): string[] {
  const names = new Set<string>()
  let level = addends
  for (let depth = 0; depth < MOST_SUMS; depth++) {
    for (const name of level) names.add(name)
    level = level.flatMap((name) => steps[maker.get(name) ?? -1]?.addends ?? [])
  }
  const at = (name: string) => maker.get(name) ?? -1
  return [...names].sort((a, b) => at(b) - at(a))
}

/** Attention and feed-forward network beside each other are added in two sums. */
const MOST_SUMS = 3

const ascending = (set: ReadonlySet<number>) => [...set].sort((a, b) => a - b)
