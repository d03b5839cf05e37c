import { type Analysis, analyseUnits, type CoupledGroup, findGroups, type Structure } from '@pare/core'
import type { Model } from '@pare/onnx'
import { resolveStructure } from '../plugins/plugins.js'

/** A size that files beside a model hold as one number for all layers. */
export type SizeKind = 'heads' | 'keyValueHeads' | 'neurons' | 'experts' | 'width' | 'layers' | 'headDim' | 'vocabulary'

/** The sizes of a model, as its graph has them. */
export interface ModelSizes {
  /** By fact, one for each place that has its own: a layer, named by the first weight that is sliced there. */
  readonly by: Readonly<Record<Exclude<SizeKind, 'headDim' | 'layers' | 'vocabulary'>, ReadonlyMap<string, number>>>
  /** What one unit of a place counts for, where it is more than one: columns that share a scale of a weight in few bits go together. */
  readonly unitSizes: ReadonlyMap<string, number>
  /** Names of all weights: what is not among them went with its layer. */
  readonly weights: ReadonlySet<string>
  /** The node that reads a weight first, by the weight's name. */
  readonly nodes: ReadonlyMap<string, string>
  /** Caches of attention, in order. */
  readonly caches: readonly AttentionCache[]
  /** Classes of the output `logits`. Undefined: it has none, or the size does not follow from the model. */
  readonly vocabulary: number | undefined
}

/** What a layer keeps of the tokens before: an input [batch, heads, past, headDim]. */
export interface AttentionCache {
  /** Name of the input. */
  readonly name: string
  readonly heads: number
  readonly headDim: number
}

/** Measures the sizes of a model in its graph. The time is that of an analysis. */
export async function sizesOf(model: Model): Promise<ModelSizes> {
  const analysis = await analyseUnits(model)
  const groupsOf = async (...settings: readonly Setting[]) => {
    const structures = await Promise.all(settings.map((setting) => resolveStructure(setting, { folder: '.', trusted: false })))
    return coupledBy(structures, analysis)
  }
  const [neurons, width] = [wholeAxes(await groupsOf('neuron')), wholeAxes(await groupsOf('hidden'))]
  const unitSizes = new Map([...neurons, ...width].map(([id, group]) => [id, unitSizeOf(group)]))
  const sized = (groups: ReadonlyMap<string, CoupledGroup>) =>
    new Map([...groups].map(([id, { units }]) => [id, units * (unitSizes.get(id) ?? 1)]))
  const heads = headsOf(await groupsOf('head', { name: 'head', queries: true }))
  return {
    by: {
      ...heads,
      neurons: sized(neurons),
      experts: sized(wholeAxes(await groupsOf('expert'))),
      width: sized(width),
    },
    unitSizes,
    weights: new Set([
      ...model.graph.initializers.map(({ name }) => name),
      ...[...analysis.weights, ...analysis.coupled.flatMap(({ slices }) => slices)].map(({ id }) => id),
    ]),
    nodes: new Map(analysis.weights.flatMap(({ id, uses }) => (uses[0] === undefined ? [] : [[id, uses[0].name] as const]))),
    caches: cachesOf(model),
    vocabulary: vocabularyOf(model),
  }
}

type Setting = Parameters<typeof resolveStructure>[0]

/** The groups that structures look at, those that they leave alone included. */
function coupledBy(structures: readonly Structure[], analysis: Analysis): readonly CoupledGroup[] {
  const looked = structures.flatMap((structure) => {
    const { groups, declined } = findGroups(structure, analysis)
    return [...groups, ...declined].map(({ id }) => id)
  })
  const ids = new Set(looked)
  return analysis.coupled.filter(({ id }) => ids.has(id))
}

/** Groups by weight and axis. Of several that share one, blocks and what is within each, the one that can be cut stands for the axis. */
function wholeAxes(groups: readonly CoupledGroup[]): ReadonlyMap<string, CoupledGroup> {
  const axes = new Map<string, CoupledGroup>()
  for (const group of groups) {
    const id = group.id.replace(/#\d+$/, '')
    if (axes.get(id)?.held !== undefined || !axes.has(id)) axes.set(id, group)
  }
  return axes
}

/** The elements that a unit has wherever it is: in a tensor that stores several things side by side it has more. */
function unitSizeOf({ units, slices }: CoupledGroup): number {
  const counts = slices.map((slice) => slice.units.reduce((count, unit) => count + Number(unit >= 0), 0))
  const each = Math.min(...counts) / units
  return Number.isInteger(each) ? each : 1
}

/** Query heads and key-value heads of each attention. Groups of one weight are its key-value heads, and the queries that share each of them. */
function headsOf(groups: readonly CoupledGroup[]) {
  const heads = new Map<string, number>()
  const keyValueHeads = new Map<string, number>()
  for (const { id, units, roles } of groups) {
    const place = weightOf(id)
    heads.set(place, (heads.get(place) ?? 1) * units)
    keyValueHeads.set(place, (keyValueHeads.get(place) ?? 1) * (roles.has('repeat') ? 1 : units))
  }
  return { heads, keyValueHeads }
}

/** 'q_proj.weight:1#2' → 'q_proj.weight'. */
export const weightOf = (id: string): string => id.replace(/:\d+(#\d+)?$/, '')

function cachesOf({ graph }: Model): readonly AttentionCache[] {
  return graph.inputs.flatMap(({ name, shape }) => {
    const [heads, headDim] = [shape?.[1], shape?.[3]]
    const isCache = /^past_key_values?[._]/.test(name) && shape?.length === 4
    return isCache && typeof heads === 'number' && typeof headDim === 'number' ? [{ name, heads, headDim }] : []
  })
}

function vocabularyOf({ graph }: Model): number | undefined {
  const size = graph.outputs.find(({ name }) => name === 'logits')?.shape?.at(-1)
  return typeof size === 'number' ? size : undefined
}
