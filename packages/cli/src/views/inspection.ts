import type { DataCount, FoldedWeight, MacFormula } from '@pare/core'
import { atSizes, formatBytes, formatCount, share } from '@pare/gate'
import { describeFolded, describeLeft, describeTied } from '../engine/folded-weights.js'
import type { Range } from '../pipeline/facts/unit-parameters.js'
import { renderTable } from '../terminal/table.js'
import { wrapped } from '../terminal/wrap.js'
import { folded } from './fold.js'
import type { GroupView, InspectView, WeightView } from './inspection-facts.js'

interface InspectionOptions {
  /** A line for everything, with its whole name. Otherwise what is alike shares a line, and long names lose their middle. */
  readonly all: boolean
  /** Characters of a line. */
  readonly columns: number
}

/** What is in a model: a table of structures, of weights and of units, and what is left alone. */
export function renderInspection(view: InspectView, options: InspectionOptions): string {
  const { all } = options
  const cut = view.groups.filter(({ unitParameters }) => unitParameters !== undefined)
  const parts = [header(view), ...computed(view, all), summary(view, options), weights(view, options)]
  if (cut.length > 0) parts.push(units(cut, options))
  if (view.declined.length > 0) parts.push(declined(view, options))
  const text = parts.join('\n\n')
  return /[×…]\d*/.test(text) && !all ? `${text}\n\nWhat is alike shares a line; --all and --json list everything.` : text
}

function header({ model, parameters, macs, macsAt, macsDecidedByData = [], macFormula, macsUnknown }: InspectView): string {
  const values = (list: InspectView['model']['inputs']) =>
    list.map(({ name, type, shape }) => `${name} ${type}[${shape?.join(', ') ?? '?'}]`).join(', ')
  return [
    `${model.path}  (${formatBytes(model.bytes)}, opset ${model.opset}, ${formatCount(model.nodes)} nodes)`,
    `  inputs      ${values(model.inputs)}`,
    `  outputs     ${values(model.outputs)}`,
    `  parameters  ${formatCount(parameters.total)}, of them ${formatCount(parameters.nonzero)} not zero`,
    `  MACs        ${macs === null ? `not known: ${macsUnknown}` : `${formatCount(macs)} for one sample${atSizes(macsAt)}`}`,
    ...macsDecidedByData.map((count) => `              ${describeCount(count)}`),
    ...(macFormula === undefined ? [] : [`              ${describeFormula(macFormula)}`]),
  ].join('\n')
}

function describeCount({ node, name, passes, most }: DataCount): string {
  if (passes === undefined) return `data decide how many ${node} gives: --dims '${name}=100' counts 100`
  const counted = passes === 'one' ? 'one pass is counted' : `at most ${formatCount(most)} passes, which are counted`
  return `data decide how often ${node} runs (${counted}): --dims '${name}=100' counts 100 passes`
}

/** '= 290 · height · width + 64 · height, where height and width are multiples of 2' */
function describeFormula({ terms, multiplesOf, atMost = {}, at, reason }: MacFormula): string {
  if (terms === null) return `at other sizes by no formula: ${reason}`
  const power = ([name, exponent]: readonly [string, number]) => (exponent === 1 ? name : `${name}^${exponent}`)
  const sum = terms.map(({ coefficient, powers }) =>
    [
      Number(coefficient.toPrecision(12)).toLocaleString('en-US', { maximumFractionDigits: 6 }),
      ...Object.entries(powers).map(power),
    ].join(' · '),
  )
  const limits = [
    ...Object.entries(multiplesOf).map(([name, step]) => `${name} is a multiple of ${step}`),
    ...Object.entries(atMost).map(([name, most]) => `${name} is at most ${formatCount(most)}`),
  ]
  const condition = limits.length === 0 ? '' : `, where ${limits.join(' and ')}`
  return `= ${sum.join(' + ').replaceAll('+ -', '- ')}${condition}${atSizes(at)}`
}

/** Weights that are computed, and those that stay so. */
function computed({ folded: weights = [], notFolded = [], tied = [] }: InspectView, all: boolean): string[] {
  const shown = all ? weights.map(describeFolded) : foldedLines(weights)
  const lists = [
    ['Computed by the graph from constants, and pruned as if they were stored:', shown],
    ['Computed by the graph, and left as they are:', describeLeft(notFolded)],
    ['Stored twice:', tied.map(describeTied)],
  ] as const
  return lists.flatMap(([title, lines]) => (lines.length === 0 ? [] : [[title, ...lines.map((line) => `  ${line}`)].join('\n')]))
}

function foldedLines(weights: readonly FoldedWeight[]): readonly string[] {
  const key = ({ sources, operators, reader }: FoldedWeight) => JSON.stringify([sources.length, operators, reader.split(' ', 1)])
  return folded(weights, { name: ({ id }) => id, key }).map(({ entries, name }) =>
    entries.length === 1 ? describeFolded(entries[0]!) : `${name} ${times(entries.length)}, e.g. ${describeFolded(entries[0]!)}`,
  )
}

/** One line a structure: what it finds, and how much of the model that is. */
function summary({ structures }: InspectView, { columns }: InspectionOptions): string {
  const useful = structures.filter(({ groups }) => groups > 0)
  const rows = useful.map(({ name, kind, groups, units, parameters, share: part, declined }) => [
    name,
    kind === 'cut' ? 'cuts' : 'masks',
    formatCount(groups),
    formatCount(units),
    formatCount(parameters),
    share(part),
    formatCount(declined),
  ])
  const others = structures.filter((structure) => !useful.includes(structure)).map(({ name }) => name)
  const nothing = others.length === 0 ? [] : [`Nothing here for ${others.join(', ')}: the reasons stand under 'Left alone'.`]
  if (rows.length === 0) return nothing.join('\n')
  const head = ['structure', '', ...NUMBERS]
  return [renderTable(head, rows, { columns, right: NUMBERS }), ...nothing].join('\n')
}

const NUMBERS = ['groups', 'units', 'parameters', 'share', 'left alone']

/** Names that an exporter gave to constants say nothing: then the node that reads one stands for it. */
function tellingName(name: string, node: string | undefined): string {
  return node !== undefined && node !== '' && /^(onnx::|val_\d+|\d+(:|$))/.test(name) ? node : name
}

function weights({ layers }: InspectView, { all, columns }: InspectionOptions): string {
  if (layers.length === 0) return 'No weights that are pruned by default.'
  const shape = ({ shape: sizes, type }: WeightView) => `${sizes.join('×')}${type === undefined ? '' : ` ${type}`}`
  if (all) {
    const rows = layers.map((layer) => [
      layer.name,
      layer.node,
      layer.op,
      shape(layer),
      formatCount(layer.elements),
      share(layer.sparsity),
    ])
    return renderTable(['weight', 'read by', 'operator', 'shape', 'elements', 'sparsity'], rows, {
      columns,
      right: ['elements', 'sparsity'],
    })
  }
  const folds = folded(layers, {
    name: ({ name, node }) => tellingName(name, node),
    key: (layer) => `${layer.op} ${shape(layer)}`,
  })
  const rows = folds.map(({ entries, name }) => {
    const [first] = entries
    const sparsities = entries.map(({ sparsity }) => sparsity)
    const [least, most] = [Math.min(...sparsities), Math.max(...sparsities)].map(share)
    return [
      name,
      times(entries.length),
      first!.op,
      shape(first!),
      formatCount(first!.elements),
      least === most ? least! : `${least!.replace(' %', '')}–${most}`,
    ]
  })
  return renderTable(['weight', '', 'operator', 'shape', 'elements', 'sparsity'], rows, {
    columns,
    right: ['', 'elements', 'sparsity'],
    shorten: ['weight'],
  })
}

function units(groups: readonly GroupView[], { all, columns }: InspectionOptions): string {
  const key = (group: GroupView) => JSON.stringify([group.structure, group.units, group.unitParameters, group.unitMacs])
  const folds = all
    ? groups.map((group) => ({ name: group.id, entries: [group] }))
    : folded(groups, { name: ({ id, node }) => tellingName(id, node), key })
  const rows = folds.map(({ entries, name }) => {
    const { structure, units, unitParameters, unitMacs } = entries[0]!
    return [
      structure,
      name,
      times(entries.length),
      formatCount(units),
      range(unitParameters),
      unitMacs === null ? '?' : range(unitMacs),
    ]
  })
  return renderTable(['structure', 'group', '', 'units', 'params/unit', 'MACs/unit'], rows, {
    columns,
    right: ['', 'units', 'params/unit', 'MACs/unit'],
    shorten: all ? [] : ['group'],
  })
}

function declined({ declined }: InspectView, { all, columns }: InspectionOptions): string {
  const entries = acrossStructures(declined)
  // A reason often names the place: what differs in numbers only is one reason.
  const folds = all
    ? entries.map((entry) => ({ name: entry.id, entries: [entry] }))
    : folded(entries, { name: ({ id }) => id, key: ({ structure, reason }) => `${structure}\n${reason.replace(/\d+/g, '*')}` })
  const lines = folds.flatMap(({ name, entries }) => {
    const { structure, reason } = entries[0]!
    const count = entries.length === 1 ? '' : ` ${times(entries.length)}`
    const example = entries.length > 1 && /\d/.test(reason) ? 'e.g. ' : ''
    return [`  ${structure} ${name}${count}`, ...wrapped(`${example}${reason}`, columns - 4).map((line) => `    ${line}`)]
  })
  return ['Left alone:', ...lines].join('\n')
}

/** What several structures leave alone for one reason is said once: 'channel, head'. */
function acrossStructures(declined: InspectView['declined']): InspectView['declined'] {
  const entries = new Map<string, { id: string; reason: string; structures: string[] }>()
  for (const { id, reason, structure } of declined) {
    const entry = entries.get(`${id}\n${reason}`)
    if (entry === undefined) entries.set(`${id}\n${reason}`, { id, reason, structures: [structure] })
    else entry.structures.push(structure)
  }
  return [...entries.values()].map(({ id, reason, structures }) => ({ id, reason, structure: structures.join(', ') }))
}

function times(count: number): string {
  return count === 1 ? '' : `×${count}`
}

function range(limits: Range | undefined): string {
  if (limits === undefined) return ''
  const [least, most] = [formatCount(limits.least), formatCount(limits.most)]
  return least === most ? least : `${least}–${most}`
}
