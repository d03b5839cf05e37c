import { resolve } from 'node:path'
import { analyse, analyseUnits, countMacs, countParameters, countZeros, operatorName } from '@pare/core'
import { elementCount, type Model, openModel } from '@pare/onnx'
import { answer, type Context, say } from '../context.js'
import { EXIT } from '../exit.js'
import { bytesOf } from '../facts.js'
import { formatBytes, formatCount, formatPercent } from '../format.js'
import { resolveStructure } from '../plugins.js'
import { renderTable } from '../table.js'

export interface InspectOptions {
  readonly structure?: string
}

/** `pare inspect MODEL`: what is in it, what can be pruned, and what cannot and why. */
export async function inspect(context: Context, model: string, options: InspectOptions): Promise<number> {
  const { io } = context
  const structure = await resolveStructure(options.structure ?? 'element', { folder: io.cwd, trusted: true })
  await using file = await openModel(resolve(io.cwd, model))
  const analysis = structure.kind === 'cut' ? await analyseUnits(file.model) : analyse(file.model)
  const { groups, declined } = structure.find(analysis)
  const layers: LayerView[] = []
  for (const { id, tensor, uses } of analysis.weights) {
    io.signal.throwIfAborted()
    const elements = tensor.shape.reduce((product, size) => product * size, 1)
    const sparsity = elements === 0 ? 0 : (await countZeros(tensor)) / elements
    layers.push({
      name: id,
      node: uses[0]?.name ?? '',
      op: uses[0] === undefined ? '' : operatorName(uses[0].node),
      shape: tensor.shape,
      elements,
      sparsity,
    })
  }
  const { elements, zeros } = await countParameters(file.model)
  const view: View = {
    model: { path: model, bytes: bytesOf(file), ...signatureOf(file.model) },
    parameters: { total: elements, nonzero: elements - zeros.before },
    macs: await countMacs(file.model),
    layers,
    groups: groups.map((group) => ({
      id: group.id,
      structure: structure.name,
      units: group.kind === 'mask' ? elementCount(group.weight.tensor.shape) : group.units,
    })),
    declined: [...declined, ...analysis.notEligible.map(({ id, reason }) => ({ id, reason, structure: structure.name }))],
  }
  answer(context, { schemaVersion: 1, command: 'inspect', ...view })
  say(context, render(view))
  return EXIT.pass
}

interface LayerView {
  readonly name: string
  readonly node: string
  readonly op: string
  readonly shape: readonly number[]
  readonly elements: number
  readonly sparsity: number
}

interface View {
  readonly model: { readonly path: string; readonly bytes: number } & ReturnType<typeof signatureOf>
  readonly parameters: { readonly total: number; readonly nonzero: number }
  /** For one sample, all symbolic sizes 1. */
  readonly macs: number | null
  readonly layers: readonly LayerView[]
  readonly groups: readonly { readonly id: string; readonly structure: string; readonly units: number }[]
  readonly declined: readonly { readonly id: string; readonly structure: string; readonly reason: string }[]
}

function signatureOf({ opsets, graph }: Model) {
  const initializers = new Set(graph.initializers.map(({ name }) => name))
  const show = ({ name, type, shape }: Model['graph']['inputs'][number]) => ({
    name,
    type: type ?? 'not a tensor',
    shape: shape === undefined ? undefined : shape.map((size) => size ?? '?'),
  })
  return {
    opset: opsets.get('') ?? null,
    nodes: graph.nodes.length,
    inputs: graph.inputs.filter(({ name }) => !initializers.has(name)).map(show),
    outputs: graph.outputs.map(show),
  }
}

function render({ model, parameters, macs, layers, groups, declined }: View): string {
  const eligible = layers.reduce((sum, { elements }) => sum + elements, 0)
  const values = (list: View['model']['inputs']) =>
    list.map(({ name, type, shape }) => `${name} ${type}[${shape?.join(', ') ?? '?'}]`).join(', ')
  const lines = [
    `${model.path}  (${formatBytes(model.bytes)}, opset ${model.opset}, ${formatCount(model.nodes)} nodes)`,
    `  inputs      ${values(model.inputs)}`,
    `  outputs     ${values(model.outputs)}`,
    `  parameters  ${formatCount(parameters.total)}, of them ${formatCount(parameters.nonzero)} not zero`,
    `  MACs        ${macs === null ? 'not known: the shape of an output does not follow from the model' : `${formatCount(macs)} for one sample, symbolic sizes 1`}`,
    `  eligible    ${formatCount(eligible)} in ${layers.length} weights (${formatPercent(parameters.total === 0 ? 0 : eligible / parameters.total)})`,
    '',
    renderTable(
      ['weight', 'read by', 'operator', 'shape', 'elements', 'sparsity'],
      layers.map(({ name, node, op, shape, elements, sparsity }) => [
        name,
        node,
        op,
        shape.join('×'),
        formatCount(elements),
        formatPercent(sparsity),
      ]),
    ),
  ]
  const cut = groups.filter(
    ({ structure, id, units }) =>
      structure !== 'element' && !layers.some(({ name, elements }) => name === id && elements === units),
  )
  if (cut.length > 0) {
    const rows = cut.map(({ id, structure, units }) => [id, structure, formatCount(units)])
    lines.push('', renderTable(['group', 'structure', 'units'], rows))
  }
  if (declined.length > 0) lines.push('', 'Left alone:', ...declined.map(({ id, reason }) => `  ${id}: ${reason}`))
  return lines.join('\n')
}
