import { PareError } from '@pare/onnx'
import { listed } from '../labels/labels.js'
import type { ModelValue } from '../model-value.js'
import { type DataArray, describe, fromNumbers, isElementType, isInteger } from '../ndarray.js'
import type { Row, Table } from './table.js'

interface CellOptions {
  readonly table: Pick<Table, 'name'>
  readonly inputs: readonly ModelValue[]
  readonly label: string
  /** Columns that say something of the sample, and are no input unless they are named after one. */
  readonly kept: ReadonlySet<string>
}

/**
 * Reads the arrays in a row of written cells. A column belongs to the input it is named after, `pixels` alone or `pixels[0]`,
 * `pixels[1]`, … in any order; where the model has one input and no column bears its name, all columns but the label's are that input, in
 * order. An input's columns fill its sample shape row by row. A label that is no number is a name.
 */
export function cellReader(
  header: readonly string[],
  options: CellOptions,
): { readonly used: readonly string[]; read(row: Row): [string, DataArray][] } {
  const { table, inputs, label } = options
  const columns = groupColumns(header, options)
  const arrays = inputs.flatMap((input) => {
    const indices = columns.get(input.name)
    if (indices === undefined) return []
    return [
      {
        input,
        indices,
        shape: sampleShape(
          input,
          indices.map((i) => header[i]!),
          { name: table.name, label },
        ),
      },
    ]
  })
  const labels = columns.get(label)
  const used = arrays.flatMap(({ indices }) => indices.map((i) => header[i]!))
  const read = ({ where, cells = [] }: Row): [string, DataArray][] => [
    ...arrays.map(({ input, indices, shape }): [string, DataArray] => {
      if (input.type === 'string') return [input.name, { type: 'string', shape, data: indices.map((i) => cells[i]!) }]
      const values = indices.map((i) => toNumber(cells[i]!, `${where}, column '${header[i]}'`))
      const isWhole = isElementType(input.type) && isInteger(input.type)
      return [input.name, isWhole ? fromNumbers(values, shape) : { type: 'float64', shape, data: Float64Array.from(values) }]
    }),
    ...(labels === undefined ? [] : [[label, labelFrom(labels.map((i) => cells[i]!))] as [string, DataArray]]),
  ]
  return { used, read }
}

/** One label, or several of columns label[0], label[1], … An empty cell is a target that is not there. */
function labelFrom(cells: readonly string[]): DataArray {
  const shape = cells.length === 1 ? [] : [cells.length]
  const values = cells.map((cell) => (cell === '' || /^nan$/i.test(cell) ? Number.NaN : Number(cell)))
  const isNumber = values.every((value, i) => !Number.isNaN(value) || cells[i] === '' || /^nan$/i.test(cells[i]!))
  return isNumber ? fromNumbers(values, shape) : { type: 'string', shape, data: cells }
}

/** Columns that are the labels of one sample together, as 'cat,dog,fox' names them: none where a column is called so. */
function labelColumns(header: readonly string[], label: string): readonly string[] {
  const names = label.split(',').map((name) => name.trim())
  return names.length > 1 && !header.includes(label) && names.every((name) => header.includes(name)) ? names : []
}

/** Columns of each array, in the order of their indices in brackets, else of the file. */
function groupColumns(header: readonly string[], { inputs, label, kept }: CellOptions): Map<string, number[]> {
  const several = labelColumns(header, label)
  const cells = header.map((cell, column) => {
    if (several.includes(cell)) return { array: label, index: several.indexOf(cell), column }
    const [, array, index] = /^(.*?)\[(\d+)\]$/.exec(cell) ?? [cell, cell, '0']
    return { array: array!, index: Number(index), column }
  })
  const single = inputs.length === 1 && !cells.some(({ array }) => array === inputs[0]!.name) ? inputs[0]!.name : undefined
  const groups = new Map<string, typeof cells>()
  for (const entry of cells) {
    const isFeature = entry.array !== label && !kept.has(header[entry.column]!)
    const array = single !== undefined && isFeature ? single : entry.array
    const index = array === entry.array ? entry.index : entry.column
    const own = groups.get(array) ?? []
    own.push({ ...entry, index })
    groups.set(array, own)
  }
  return new Map(
    [...groups].map(([array, entries]) => [array, entries.sort((a, b) => a.index - b.index).map(({ column }) => column)]),
  )
}

/** The shape of one sample: the input's own, where a single free axis takes what is left. */
function sampleShape(
  input: ModelValue,
  columns: readonly string[],
  { name, label }: { readonly name: string; readonly label: string },
): number[] {
  const dims = input.shape.slice(1)
  const fixed = dims.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : product), 1)
  const free = dims.filter((dim) => typeof dim === 'string').length
  if (input.shape.length === 0) return columns.length === 1 ? [] : [columns.length]
  if (free > 1 || columns.length % fixed !== 0 || (free === 0 && columns.length !== fixed)) {
    throw new PareError(
      `${name}: ${columns.length} column${columns.length === 1 ? '' : 's'} (${listed(columns)}) for input '${input.name}' ${describe(input.type, input.shape)}, whose samples have ${free > 0 ? `a multiple of ${fixed}` : fixed} elements.`,
      {
        hint: `the labels are in the column '${label}': where they have another name, say --label NAME (in a config, evaluate: { label: 'NAME' }). A column that is no input is left out where it is named as --group or --slice, or in a config as id. Columns of several inputs are named after them: pixels[0], pixels[1], … Several labels of a sample, each 0 or 1, are said as --label cat,dog.`,
      },
    )
  }
  return dims.map((dim) => (typeof dim === 'number' ? dim : columns.length / fixed))
}

function toNumber(cell: string, where: string): number {
  const value = cell === '' ? Number.NaN : Number(cell)
  if (Number.isNaN(value)) {
    throw new PareError(`${where}: ${JSON.stringify(cell)} is not a number.`, {
      hint: /^-?\d+,\d+$/.test(cell)
        ? 'write a point before fractions: 0.5, not 0,5.'
        : 'fill empty cells and turn names into numbers.',
    })
  }
  return value
}
