import { editModel, GraphWriter, keyOf, type Model, type Node, operatorName, present, usesOf } from '@pare/onnx'
import { applyStep } from '../apply/apply.js'
import { removedUnits } from '../apply/removed-units.js'
import { applyUpdate, type UpdatedTensor } from '../apply/update.js'
import type { Forward } from '../calibrate/forward.js'
import { measureSites } from '../calibrate/measure.js'
import { findPadding } from '../calibrate/padding.js'
import type { Statistic } from '../contract/contract.js'
import type { PlanStep } from '../plan/plan.js'
import { fitLayer } from './layer.js'
import { merge } from './merge.js'
import { findRepairable, type RepairableLayer } from './repairable.js'
import { type LayerRepair, measurementsOf, sizedRequests, type Treatment } from './treatment.js'
import { countReaders } from './updates.js'

export interface ReplacingOptions {
  /** What was done to the reference, with the plan's seed. */
  readonly steps: readonly PlanStep[]
  readonly seed: number
  readonly forward: Forward
  readonly onPadding?: ((values: readonly string[]) => void) | undefined
  /** Ids of weights whose zeros stay. */
  readonly masked: ReadonlySet<string>
  readonly signal?: AbortSignal | undefined
}

/**
 * Whole blocks that were removed are replaced by a linear map, folded into the layer whose outputs are added last before them: with x what that layer is given, W
 * its weight, R what else is in the sum, and L what the reference has behind the blocks, min over W of ‖Wx + R − L‖² + λ‖W − W₀‖². ReplaceMe (Shopkhoev et al. 2025,
 * arXiv 2505.02819) fits T of W = T·W₀, whose minimum is no lower. No parameter is added. One pass over the data for each stretch of blocks.
 */
export async function replaceBlocks(reference: Model, pruned: Model, options: ReplacingOptions): Promise<readonly LayerRepair[]> {
  const done: LayerRepair[] = []
  let current = pruned
  for (const run of await removedRuns(reference, options)) {
    options.signal?.throwIfAborted()
    const one = await replaceRun(run, { reference, current }, options)
    done.push(one)
    current = applyUpdate(current, { kind: 'update', by: 'repair', tensors: one.tensors, notes: [] })
  }
  return done
}

/** The layers that were fitted to take the place of blocks. */
export function fittedLayers(done: readonly LayerRepair[]): ReadonlySet<string> {
  return new Set(done.flatMap(({ layer }) => layer ?? []))
}

/** Removed blocks that follow one another. */
export interface RemovedRun {
  /** The value that enters the first, and what the last one's would have given. */
  readonly from: string
  readonly to: string
  readonly blocks: number
  /** First outputs of the nodes that are gone. */
  readonly nodes: ReadonlySet<string>
}

/** What cuts removed of whole blocks, in the order in which data meet them. */
export async function removedRuns(
  reference: Model,
  { steps, seed }: Pick<ReplacingOptions, 'steps' | 'seed'>,
): Promise<readonly RemovedRun[]> {
  const gone = []
  let current = reference
  for (const step of steps) {
    if (step.kind === 'cut') {
      const { blocks } = await removedUnits(current, step)
      gone.push(...blocks.flatMap(({ group, removed }) => removed.map((unit) => group.blocks[unit]!)))
    }
    current = await applyStep(current, step, { seed })
  }
  const next = new Map(gone.map((block) => [block.from, block]))
  const ends = new Set(gone.map(({ to }) => to))
  const runs = gone
    .filter(({ from }) => !ends.has(from))
    .map((first): RemovedRun => {
      const chain = [first]
      for (let block = next.get(first.to); block !== undefined; block = next.get(block.to)) chain.push(block)
      const nodes = new Set(chain.flatMap((block) => block.nodes))
      return { from: first.from, to: chain.at(-1)!.to, blocks: chain.length, nodes }
    })
  const order = new Map(reference.graph.nodes.flatMap(({ outputs }, i) => outputs.map((name) => [name, i] as const)))
  return runs.sort((a, b) => (order.get(a.from) ?? -1) - (order.get(b.from) ?? -1))
}

interface Models {
  readonly reference: Model
  readonly current: Model
}

async function replaceRun(run: RemovedRun, { reference, current }: Models, options: ReplacingOptions): Promise<LayerRepair> {
  const { forward, onPadding, masked, signal } = options
  const layer = layerBefore(current, run)
  if (typeof layer === 'string') return left(run, layer)
  if (masked.has(layer.weight.id)) return left(run, `'${layer.weight.id}' before it is masked`)
  const merged = merge(reference, current)
  const end = merged.nameOf(run.to)
  if (end === run.to) return left(run, 'what it gave is not computed apart')
  // L − (R + Wx) + Wx  =  L − R, where R may hold a bias.
  const writer = new GraphWriter(merged.model.graph, `${run.from}/replaced`)
  const target = writer.node('Add', [writer.node('Sub', [end, run.from]), layer.output.value])
  const model = editModel(merged.model, { graph: writer.addedTo(merged.model.graph) })
  const treatment = fitTo(layer, target)
  const padding = await findPadding(merged.model, { fillsMask: forward.fillsMask ?? false })
  const aliased = padding && {
    ...padding,
    layoutOf: (value: string, axes: readonly number[]) => padding.layoutOf(value === target ? layer.output.value : value, axes),
  }
  const totals = await measureSites(model, sizedRequests(treatment), {
    ...{ forward, onPadding, padding: aliased },
    ...present({ signal }),
  })
  const fitted = await fitLayer(treatment, measurementsOf(totals), { readers: countReaders(current), signal })
  const what = run.blocks === 1 ? 'a block that was removed' : `${run.blocks} blocks that were removed`
  return { ...fitted, layer: layer.id, notes: [...fitted.notes, `${layer.id}: fitted to take the place of ${what} behind it`] }
}

function fitTo(layer: RepairableLayer, value: string): Extract<Treatment, { how: 'refit' }> {
  const { input, output } = layer
  const site = { ...output, value }
  return {
    ...{ how: 'refit', of: layer },
    gram: { site: input, statistic: GRAM },
    cross: { site: input, statistic: GRAM, other: site },
    x: { site: input, statistic: MEAN },
    y: { site, statistic: MEAN },
  }
}

const MEAN: Statistic = { at: 'input', reduce: 'mean' }
const GRAM: Statistic = { at: 'input', reduce: 'gram' }

/** The layer whose outputs are the last that are added to what enters the blocks, or why there is none. */
function layerBefore(model: Model, { from, nodes }: RemovedRun): RepairableLayer | string {
  const makers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const { consumers, outputs } = usesOf(model.graph)
  if (outputs.has(from)) return `'${from}' before it is an output of the model`
  const maker = makers.get(from)
  if (maker === undefined) return `nothing computes '${from}'`
  const order = new Map(model.graph.nodes.map((node, i) => [node, i]))
  const layers = addendsIn(maker, from, makers)
    .filter((node) => node === maker || (consumers.get(node.outputs[0]!) ?? []).length === 1)
    .sort((a, b) => order.get(b)! - order.get(a)!)
  for (const node of layers) {
    const { repairables } = findRepairable(model, (output) => output === keyOf(node))
    const [one] = repairables
    if (one?.kind === 'layer' && !nodes.has(one.id)) return one
  }
  return `'${from}' before it is no sum in which a layer stands that can be fitted`
}

/** Layers whose outputs are added up to a value, and nothing else happens to them. */
function addendsIn(node: Node, value: string, makers: ReadonlyMap<string, Node>): Node[] {
  const name = operatorName(node)
  if (LAYERS.has(name)) return [node]
  if (name !== 'Add' && !(SUMS.has(name) && node.outputs[3] === value)) return []
  return node.inputs.slice(0, 2).flatMap((input) => {
    const maker = makers.get(input)
    if (maker === undefined) return []
    if (LAYERS.has(operatorName(maker))) return [maker]
    // A bias behind a product; sums of the blocks before are left alone.
    const behind = operatorName(maker) === 'Add' ? maker.inputs.flatMap((each) => makers.get(each) ?? []) : []
    return behind.length === 1 && operatorName(behind[0]!) === 'MatMul' ? behind : []
  })
}

const LAYERS: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Conv'])
const SUMS: ReadonlySet<string> = new Set([
  'com.microsoft.SkipLayerNormalization',
  'com.microsoft.SkipSimplifiedLayerNormalization',
])

const left = ({ from }: RemovedRun, why: string): LayerRepair => ({
  how: 'nothing',
  tensors: [] as readonly UpdatedTensor[],
  notes: [`nothing takes the place of the blocks that were removed behind '${from}': ${why}`],
})
