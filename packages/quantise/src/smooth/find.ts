import { factsOf, isFloat, type Model, type Uses, usesOf } from '@pare/onnx'
import { isProduct, nameOf, unitAxis } from '../place.js'
import { type Absorber, absorbersOf, readsOnlyShape } from './absorb.js'
import type { UnsmoothedWeight } from './step.js'

/** A value whose columns can be divided by factors that the weights which read it are multiplied with. */
export interface SmoothSite {
  readonly value: string
  /** The size of its last axis. */
  readonly columns: number
  /** That read it. */
  readonly weights: readonly SmoothedInputs[]
  readonly absorbers: readonly Absorber[]
}

export interface SmoothedInputs {
  readonly id: string
  /** Of the weight, along which its inputs lie. */
  readonly axis: number
}

export interface SmoothSites {
  /** In the order of the graph. */
  readonly sites: readonly SmoothSite[]
  /** Weights of products that are rounded, and cannot be smoothed. */
  readonly left: readonly UnsmoothedWeight[]
}

/** Where factors can go into what stands before. `isRounded` says of which weights it matters. Default: of all */
export async function findSites(model: Model, isRounded: (weight: string) => boolean = () => true): Promise<SmoothSites> {
  const uses = usesOf(model.graph)
  const facts = await factsOf(model)
  const sites: SmoothSite[] = []
  const left: UnsmoothedWeight[] = []
  const values = new Set(model.graph.nodes.map(({ inputs }) => inputs[0] ?? ''))
  for (const value of values) {
    const weights = readersOf(value, uses)
    const rounded = weights.filter(({ id }) => isRounded(id))
    if (rounded.length === 0) continue
    const columns = uses.constants.get(rounded[0]!.id)!.shape[rounded[0]!.axis]!
    const absorbers = whyNot(value, weights, uses) ?? absorbersOf(value, { uses, facts, columns })
    if (typeof absorbers !== 'string') sites.push({ value, columns, weights, absorbers })
    else for (const { id } of rounded) if (!left.some((each) => each.id === id)) left.push({ id, reason: absorbers })
  }
  return { sites, left }
}

/** Weights of products that a value is the left side of, each once. */
function readersOf(value: string, uses: Uses): SmoothedInputs[] {
  const readers = new Map<string, number>()
  for (const { node, input } of uses.of(value)) {
    const id = node.inputs[1] ?? ''
    const tensor = uses.constants.get(id)
    if (input !== 0 || tensor === undefined || !isFloat(tensor.type) || !isProduct({ node, input: 1 }, tensor)) continue
    readers.set(id, 1 - unitAxis({ node, input: 1 }, tensor)!)
  }
  return [...readers].map(([id, axis]) => ({ id, axis }))
}

/** Who reads the value or its weights beside their products. */
function whyNot(value: string, weights: readonly SmoothedInputs[], uses: Uses): string | undefined {
  if (uses.outputs.has(value)) return 'its input is an output of the model'
  const ids = new Set(weights.map(({ id }) => id))
  const isOwn = (node: { readonly inputs: readonly string[] }) => node.inputs[0] === value && ids.has(node.inputs[1] ?? '')
  const other = (uses.consumers.get(value) ?? []).find((node) => !isOwn(node) && !readsOnlyShape(node))
  if (other !== undefined)
    return `its input is read by ${other.op} '${nameOf(other)}', too, which has no weight that could make up for it`
  for (const id of ids) {
    if (uses.outputs.has(id)) return `'${id}' is an output of the model`
    const reader = uses.consumers.get(id)!.find((node) => !isOwn(node))
    if (reader !== undefined) return `'${id}' is read by ${reader.op} '${nameOf(reader)}', too`
  }
  return undefined
}
