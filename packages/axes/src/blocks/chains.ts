import { operatorName } from '@pare/onnx'
import type { Flow } from './flow.js'
import { type Region, regionBetween, residualRegions } from './regions.js'

/** A residual region, and the value that the next one begins with. */
export interface Link {
  readonly region: Region
  readonly to: string
}

/** Regions that follow one another, with nothing between them but what has no weights. What was found is remembered as long as the flow is held. */
export function chainsOf(flow: Flow): readonly Link[][] {
  const memo = remembered.get(flow)
  if (memo !== undefined) return memo
  const chains = findChains(flow)
  remembered.set(flow, chains)
  return chains
}

const remembered = new WeakMap<Flow, readonly Link[][]>()

function findChains(flow: Flow): Link[][] {
  const chains: Link[][] = []
  for (const region of residualRegions(flow)) {
    const chain = chains.at(-1)
    const before = chain?.at(-1)
    if (chain !== undefined && before !== undefined && connects(flow, before.region.to, region.from)) {
      chain[chain.length - 1] = { ...before, to: region.from }
      chain.push({ region, to: region.to })
    } else chains.push([{ region, to: region.to }])
  }
  return chains.map((chain) => ended(flow, chain))
}

function connects(flow: Flow, from: string, to: string): boolean {
  if (from === to) return true
  const between = regionBetween(flow, from, to)
  return between !== undefined && !between.steps.some((i) => flow.steps[i]!.weighs)
}

/** The last region of a chain ends as the others do: with the same operators after the sum, where they are there. */
function ended(flow: Flow, chain: Link[]): Link[] {
  const [last, before] = [chain.at(-1)!, chain.at(-2)]
  if (before === undefined || before.region.to === before.to) return chain
  const tail = regionBetween(flow, before.region.to, before.to)!.steps.map((i) => operatorName(flow.steps[i]!.node))
  const start = flow.maker.get(last.region.to)! + 1
  const names = new Set([last.region.to])
  for (let i = start; i < flow.steps.length && tail.length > 0; i++) {
    const { node, reads, makes } = flow.steps[i]!
    if (!reads.some((name) => names.has(name))) continue
    if (operatorName(node) !== tail.shift()) return chain
    for (const name of makes) names.add(name)
    if (tail.length > 0) continue
    return connects(flow, last.region.to, makes[0]!) ? [...chain.slice(0, -1), { ...last, to: makes[0]! }] : chain
  }
  return chain
}

/** Whether a kind of region, or an operator, is of attention. */
export const attends = (kind: string) => /Softmax|Attention/.test(kind)

/** Operators that tell regions apart: those with weights, and attention. */
export function kindOf({ steps }: Flow, region: Region): string {
  const names = region.steps.flatMap((i) => {
    const { node, weighs } = steps[i]!
    const name = operatorName(node)
    return weighs || attends(name) ? [name] : []
  })
  return names.sort().join()
}
