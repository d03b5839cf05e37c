import { keyOf, type Model, operatorName } from '@pare/onnx'
import { flattened } from '../nested/flatten.js'
import { branchPath, isIf, wayThrough } from '../nested/taken.js'
import { WEIGHT_OPERATORS } from '../weight-operators.js'
import { type Flow, flowOf } from './flow.js'

/** A way that a model can go: the main graph, or one branch of an If with all that is around it. */
export interface Way {
  readonly flow: Flow
  /** How names of what is in the branch begin, as `flattened` gives them. '': the main graph */
  readonly path: string
}

/** The main graph; then for each If whose branches both hold weights the two ways, first the one that is taken where the condition is false. Linear for each of these. */
export function waysThrough(model: Model): Ways {
  const memo = remembered.get(model)
  if (memo !== undefined) return memo
  const ways = findWays(model)
  remembered.set(model, ways)
  return ways
}

type Ways = readonly [Way, ...(readonly [Way, Way])[]]

// A model never changes: blocks and their parts are looked for along the same ways.
const remembered = new WeakMap<Model, Ways>()

function findWays(model: Model): Ways {
  const flat = flattened(model).model
  const choices = flat === model ? [] : flat.graph.nodes.filter(isIf)
  const ways = choices.flatMap((choice): (readonly [Way, Way])[] => {
    const way = (value: boolean): Way => ({ flow: flowOf(wayThrough(flat, choice, value)), path: branchPath(choice, value) })
    const isHeavy = [false, true].every((value) => hasWeights(flat, branchPath(choice, value)))
    return isHeavy ? [[way(false), way(true)]] : []
  })
  return [{ flow: flowOf(model), path: '' }, ...ways]
}

/** Whether a value is made in a branch, or in a graph within it. */
export const isWithin = (path: string, name: string): boolean => name.startsWith(path)

const hasWeights = ({ graph }: Model, path: string) =>
  graph.nodes.some((node) => isWithin(path, keyOf(node)) && WEIGHT_OPERATORS.has(operatorName(node)))
