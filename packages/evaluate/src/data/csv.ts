import { PareError } from '@pare/onnx'
import { parse } from 'csv-parse/sync'
import type { ModelValue } from './model-value.js'
import { describe, fromNumbers, type NdArray } from './ndarray.js'

/**
 * The arrays in a CSV file with a header row. A column belongs to the input it is named after, `pixels` alone or `pixels[0]`,
 * `pixels[1]`, … in any order; where the model has one input and no column bears its name, all columns but the label's are that input, in
 * order. An input's columns fill its sample shape row by row. Other columns become arrays [samples] of their own.
 */
export function parseCsv(
  text: string,
  name: string,
  { inputs, label }: { inputs: readonly ModelValue[]; label: string },
): Map<string, NdArray> {
  const [header = [], ...rows] = readRows(text, name)
  if (header.length > 0 && header.every((cell) => cell.trim() !== '' && Number.isFinite(Number(cell)))) {
    throw new PareError(`${name}:1: the first row holds numbers only: ${header.slice(0, 4).join(', ')}.`, {
      hint: 'begin with a row of column names; the labels are in the column named label.',
    })
  }
  const columns = groupColumns(
    header.map((cell) => cell.trim()),
    inputs,
    label,
  )
  return new Map(
    [...columns].map(([array, indices]) => {
      const values = rows.flatMap((row, i) =>
        indices.map((column) => toNumber(row[column]!, `${name}:${i + 2}, column '${header[column]}'`)),
      )
      const input = inputs.find((one) => one.name === array)
      return [array, fromNumbers(values, [rows.length, ...(input ? sampleShape(input, indices.length, { name, label }) : [])])]
    }),
  )
}

function readRows(text: string, name: string): string[][] {
  try {
    return parse(text, { bom: true, skip_empty_lines: true, trim: true })
  } catch (cause) {
    throw new PareError(`${name}: not readable as CSV (${(cause as Error).message}).`, {
      hint: 'expected comma-separated values.',
      cause,
    })
  }
}

/** Columns of each array, in the order of their indices in brackets, else of the file. */
function groupColumns(header: readonly string[], inputs: readonly ModelValue[], label: string): Map<string, number[]> {
  const cells = header.map((cell, column) => {
    const [, array, index] = /^(.*?)\[(\d+)\]$/.exec(cell) ?? [cell, cell, '0']
    return { array: array!, index: Number(index), column }
  })
  const single = inputs.length === 1 && !cells.some(({ array }) => array === inputs[0]!.name) ? inputs[0]!.name : undefined
  const groups = new Map<string, typeof cells>()
  for (const entry of cells) {
    const array = single !== undefined && entry.array !== label ? single : entry.array
    const index = array === entry.array ? entry.index : entry.column
    groups.set(array, [...(groups.get(array) ?? []), { ...entry, index }])
  }
  return new Map(
    [...groups].map(([array, entries]) => [array, entries.sort((a, b) => a.index - b.index).map(({ column }) => column)]),
  )
}

/** The shape of one sample: the input's own, where a single free axis takes what is left. */
function sampleShape(
  input: ModelValue,
  columns: number,
  { name, label }: { readonly name: string; readonly label: string },
): number[] {
  const dims = input.shape.slice(1)
  const fixed = dims.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : product), 1)
  const free = dims.filter((dim) => typeof dim === 'string').length
  if (input.shape.length === 0) return columns === 1 ? [] : [columns]
  if (free > 1 || columns % fixed !== 0 || (free === 0 && columns !== fixed)) {
    throw new PareError(
      `${name}: ${columns} columns for input '${input.name}' ${describe(input.type, input.shape)}, whose samples have ${free > 0 ? `a multiple of ${fixed}` : fixed} elements.`,
      {
        hint: `the labels are in the column '${label}': where they have another name, say --label NAME (in a config, evaluate: { label: 'NAME' }). Columns of several inputs are named after them: pixels[0], pixels[1], …`,
      },
    )
  }
  return dims.map((dim) => (typeof dim === 'number' ? dim : columns / fixed))
}

function toNumber(cell: string, where: string): number {
  const value = cell === '' ? Number.NaN : Number(cell)
  if (Number.isNaN(value)) {
    throw new PareError(`${where}: ${JSON.stringify(cell)} is not a number.`, {
      hint: 'fill empty cells and turn names into numbers.',
    })
  }
  return value
}
