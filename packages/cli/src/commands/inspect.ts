import { resolve } from 'node:path'
import {
  type Analysis,
  type AxisSizes,
  analyseUnits,
  countParameters,
  countZeros,
  findGroups,
  macCount,
  macFormula,
  parameterTensors,
  requireOpen,
  type Structure,
  tiedCopies,
  totalMacs,
  type UnitGroup,
} from '@pare/core'
import { elementCount, type Model, operatorName, present, type Tensor } from '@pare/onnx'
import { type FoldingWork, openFolded } from '../engine/folding.js'
import { engineOf } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { modelFilesOf } from '../folder/model-folder.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { carriedBy, carriedByAll, rangeOf } from '../pipeline/facts/unit-parameters.js'
import { firstPartyNames, resolveStructure } from '../plugins/plugins.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { renderInspection } from '../views/inspection.js'
import type { GroupView, InspectView, StructureView, WeightView } from '../views/inspection-facts.js'

/** `pare inspect MODEL`: what is in it, or in each model of a folder, what each structure can take away, and what it cannot and why. */
export async function inspect(context: Context, [model = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  const options = ownOf('inspect', values)
  const source = { folder: io.cwd, trusted: true }
  const names = options.structure === undefined ? firstPartyNames('structure') : [options.structure]
  const structures = await Promise.all(names.map((name) => resolveStructure(name, source)))
  await using located = await modelFilesOf(resolve(io.cwd, model))
  const { choice, models } = located
  if (choice !== undefined) context.progress.note(`model: ${choice}`)
  const { dims = {} } = overridesOf('inspect', values)
  const views: InspectView[] = []
  for (const each of models) {
    const label = models.length === 1 ? model : showPath(each.pair?.models.first ?? each.path, io.cwd)
    const work = { signal: io.signal, progress: context.progress, label, engine: engineOf(context, {}) }
    views.push(await viewOf(each.path, { structures, dims }, work))
  }
  answer(context, { schemaVersion: 1, command: 'inspect', ...(views.length === 1 ? views[0] : { models: views }) })
  say(context, views, (shown, columns) =>
    shown.map((view) => renderInspection(view, { all: options.all ?? false, columns })).join('\n\n'),
  )
  return EXIT.pass
}

/** What is in one model. It is called by the label of the work. */
async function viewOf(
  path: string,
  { structures, dims }: { readonly structures: readonly Structure[]; readonly dims: AxisSizes },
  work: FoldingWork,
): Promise<InspectView> {
  await using opened = await openFolded(path, work)
  const { file, folded } = opened
  await requireOpen(opened.model, dims)
  const analysis = await analyseUnits(opened.model)
  const count = await macCount(opened.model, dims)
  const macs = count.weights
  const { elements, zeros } = await countParameters(opened.model)
  const views = structures.map((structure) =>
    findIn(structure, analysis, { macs, elements, tensors: parameterTensors(opened.model) }),
  )
  const tied = await tiedCopies(opened.model, analysis.weights)
  return {
    model: { path: work.label, bytes: bytesOf(file), ...signatureOf(file.model) },
    parameters: { total: elements, nonzero: elements - zeros.before },
    ...(folded.weights.length > 0 && { folded: folded.weights }),
    ...(folded.left.length > 0 && { notFolded: folded.left }),
    ...(tied.length > 0 && { tied }),
    macs: totalMacs(count),
    macsAt: count.sizes,
    ...(count.decidedByData.length > 0 && { macsDecidedByData: count.decidedByData }),
    ...present({ macFormula: await macFormula(opened.model, count.sizes), macsUnknown: count.reason }),
    layers: await weightsIn(analysis, work.signal),
    structures: views.map(({ structure }) => structure),
    groups: views.flatMap(({ groups }) => groups),
    declined: views.flatMap(({ declined }) => declined),
  }
}

interface FoundView {
  readonly structure: StructureView
  readonly groups: readonly GroupView[]
  readonly declined: InspectView['declined']
}

interface Totals {
  /** By the id of a weight. */
  readonly macs: ReadonlyMap<string, number> | null
  /** Of all parameters. */
  readonly elements: number
  readonly tensors: ReadonlySet<Tensor>
}

function findIn(structure: Structure, analysis: Analysis, totals: Totals): FoundView {
  const { name, kind = 'mask' } = structure
  const analysed = findGroups(structure, analysis)
  const cut = analysed.groups.filter((group) => group.kind !== 'mask')
  const groups = analysed.groups.map((group) => {
    if (group.kind !== 'mask') return { id: group.id, structure: name, ...readerOf(group, analysis), ...unitsIn(group, totals) }
    return { id: group.id, structure: name, units: elementCount(group.weight.tensor.shape) }
  })
  const parameters = kind === 'cut' ? carriedByAll(cut, totals.tensors) : groups.reduce((sum, { units }) => sum + units, 0)
  const { declined } = analysed
  return {
    structure: {
      name,
      kind,
      groups: groups.length,
      units: groups.reduce((sum, { units }) => sum + units, 0),
      parameters,
      share: totals.elements === 0 ? 0 : parameters / totals.elements,
      declined: declined.length,
    },
    groups,
    declined,
  }
}

function readerOf(group: UnitGroup, { weights }: Analysis): { node?: string } {
  const first = group.kind === 'coupled' ? group.slices.find(({ scored }) => scored)?.id : undefined
  const node = weights.find(({ id }) => id === first)?.uses[0]?.name
  return node === undefined ? {} : { node }
}

/**
 * What one unit carries. Its MACs are those of each weight × the unit's share of the elements. As with parameters, units of two groups share where both
 * slice a weight (one its outputs, the other its inputs), so that removing both saves less than the sum.
 */
function unitsIn(group: UnitGroup, { macs, tensors }: Totals): Omit<GroupView, 'id' | 'structure' | 'node'> {
  const { units } = group
  const carried = carriedBy(group, tensors)
  const shares = carried.map(({ id, tensor, elements }) => {
    const perElement = (macs?.get(id) ?? 0) / Math.max(1, elementCount(tensor.shape))
    return elements.map((count) => Math.round(count * perElement))
  })
  return {
    units,
    unitParameters: rangeOf(
      units,
      carried.map(({ elements }) => elements),
    ),
    unitMacs: macs && rangeOf(units, shares),
  }
}

async function weightsIn({ weights }: Analysis, signal: AbortSignal): Promise<readonly WeightView[]> {
  const views: WeightView[] = []
  for (const { id, tensor, quantised, uses } of weights) {
    signal.throwIfAborted()
    const elements = elementCount(tensor.shape)
    views.push({
      name: id,
      node: uses[0]?.name ?? '',
      op: uses[0] === undefined ? '' : operatorName(uses[0].node),
      shape: tensor.shape,
      ...(quantised && { type: quantised.type }),
      elements,
      sparsity: elements === 0 ? 0 : (await countZeros(tensor)) / elements,
    })
  }
  return views
}

function signatureOf({ opsets, graph }: Model) {
  const initializers = new Set(graph.initializers.map(({ name }) => name))
  const show = ({ name, type, shape }: Model['graph']['inputs'][number]) => ({
    name,
    type: type ?? 'not a tensor',
    shape: shape?.map((size) => size ?? '?'),
  })
  return {
    opset: opsets.get('') ?? null,
    nodes: graph.nodes.length,
    inputs: graph.inputs.filter(({ name }) => !initializers.has(name)).map(show),
    outputs: graph.outputs.map(show),
  }
}
