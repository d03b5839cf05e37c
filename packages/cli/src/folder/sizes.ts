import { type Analysis, analyseUnits, type CoupledGroup, findGroups, type Structure } from '@pare/core'
import type { Model } from '@pare/onnx'
import { resolveStructure } from '../plugins/plugins.js'

/** A size that files beside a model hold as one number for all layers. */
export type Fact = 'heads' | 'keyValueHeads' | 'neurons' | 'experts' | 'width' | 'layers' | 'headDim' | 'vocabulary'

/** The sizes of a model, as its graph has them. */
export interface ModelSizes {
  /** By fact, one for each place that has its own: a layer, named by the first weight that is sliced there. */
  readonly by: Readonly<Record<Exclude<Fact, 'headDim' | 'layers' | 'vocabulary'>, ReadonlyMap<string, number>>>
  /** Names of all weights: what is not among them went with its layer. */
  readonly weights: ReadonlySet<string>
  /** Caches of attention, in order. */
  readonly caches: readonly Cache[]
  /** Classes of the output `logits`. Undefined: it has none, or the size does not follow from the model. */
  readonly vocabulary: number | undefined
}

/** What a layer keeps of the tokens before: an input [batch, heads, past, headDim]. */
export interface Cache {
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
  const heads = headsOf(await groupsOf('head', { name: 'head', queries: true }))
  return {
    by: {
      ...heads,
      neurons: unitsOf(await groupsOf('neuron')),
      experts: unitsOf(await groupsOf('expert')),
      width: unitsOf(await groupsOf('hidden')),
    },
    weights: new Set(analysis.coupled.flatMap(({ slices }) => slices.map(({ id }) => id))),
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

function unitsOf(groups: readonly CoupledGroup[]): ReadonlyMap<string, number> {
  return new Map(groups.map(({ id, units }) => [id, units]))
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

function cachesOf({ graph }: Model): readonly Cache[] {
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
