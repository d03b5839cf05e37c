import { isFloat, keyOf, type Model } from '@pare/onnx'
import { attends, chainsOf, kindOf } from './chains.js'
import { type Flow, flowOf } from './flow.js'
import { type Region, regionBetween } from './regions.js'

/**
 * A part of a residual block: attention, a feed-forward network, or whatever else is added to what enters it, with what follows the sum (a normalisation, an
 * activation) up to where the next part begins.
 */
export interface BlockPart {
  /** The value that enters, and the one that the next part begins with. */
  readonly from: string
  readonly to: string
  /** First outputs of the nodes between them. */
  readonly nodes: readonly string[]
  /** Ids of the constants of floats with an axis or more that these nodes read. */
  readonly constants: readonly string[]
  /** Whether there is attention in it. */
  readonly attends: boolean
}

/**
 * The parts of the residual blocks of a model, and what lies between two stretches of blocks (a convolution that halves the resolution), in the order of the
 * graph. Embeddings, stems and heads are in none.
 */
export function findParts(model: Model): BlockPart[] {
  const flow = flowOf(model)
  const parts: BlockPart[] = []
  for (const links of chainsOf(flow)) {
    const last = parts.at(-1)
    const between = last && regionBetween(flow, last.to, links[0]!.region.from)
    if (between?.steps.some((i) => flow.steps[i]!.weighs)) parts.push(partOf(flow, between))
    for (const { region, to } of links) parts.push(partOf(flow, regionBetween(flow, region.from, to) ?? region))
  }
  return parts
}

function partOf(flow: Flow, region: Region): BlockPart {
  const steps = region.steps.map((i) => flow.steps[i]!)
  const floats = steps.flatMap(({ constants }) =>
    constants.filter(({ tensor: { type, shape } }) => isFloat(type) && shape.length > 0).map(({ id }) => id),
  )
  return {
    ...{ from: region.from, to: region.to, attends: attends(kindOf(flow, region)) },
    nodes: [...new Set(steps.map(({ node }) => keyOf(node)))],
    constants: [...new Set(floats)],
  }
}
