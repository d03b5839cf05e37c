import { type Array64, array, broadcastOffsets, broadcastShape, count, eachIndex, filled, flatOf } from './array.test.support.js'
import type { Operators } from './call.test.support.js'
import { combined } from './elementwise.test.support.js'

export const matrix: Operators = {
  MatMul: (call) => [matMul(call.input(0), call.input(1))],
  Gemm: (call) => {
    const a = call.int('transA', 0) === 1 ? transposed(call.input(0)) : call.input(0)
    const b = call.int('transB', 0) === 1 ? transposed(call.input(1)) : call.input(1)
    const product = scaled(matMul(a, b), call.float('alpha', 1))
    const c = call.inputs[2]
    return [c === undefined ? product : combined(product, scaled(c, call.float('beta', 1)), (x, y) => x + y)]
  },
  FusedMatMul: (call) => {
    const a = call.int('transA', 0) === 1 ? transposed(call.input(0)) : call.input(0)
    const b = call.int('transB', 0) === 1 ? transposed(call.input(1)) : call.input(1)
    return [scaled(matMul(a, b), call.float('alpha', 1))]
  },
  Einsum: (call) => [
    einsum(
      call.string('equation', ''),
      call.inputs.map((_, i) => call.input(i)),
    ),
  ],
}

/** With the rules of numpy: a vector on the left is a row, on the right a column. */
export function matMul(left: Array64, right: Array64): Array64 {
  const a = left.shape.length === 1 ? { ...left, shape: [1, ...left.shape] } : left
  const b = right.shape.length === 1 ? { ...right, shape: [...right.shape, 1] } : right
  const [rows, inner] = a.shape.slice(-2) as [number, number]
  const [depth, columns] = b.shape.slice(-2) as [number, number]
  if (inner !== depth) throw new RangeError(`MatMul of [${left.shape}] and [${right.shape}]`)
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const [aBatches, bBatches] = [a, b].map((each) => broadcastOffsets(each.shape.slice(0, -2), batch))
  const data = new Float64Array(count(batch) * rows * columns)
  for (let n = 0; n < count(batch); n++) {
    const [aStart, bStart] = [aBatches![n]! * rows * inner, bBatches![n]! * inner * columns]
    for (let i = 0; i < rows; i++) {
      const start = (n * rows + i) * columns
      for (let k = 0; k < inner; k++) {
        const value = a.data[aStart + i * inner + k]!
        for (let j = 0; j < columns; j++) data[start + j]! += value * b.data[bStart + k * columns + j]!
      }
    }
  }
  const shape = [...batch, ...(left.shape.length === 1 ? [] : [rows]), ...(right.shape.length === 1 ? [] : [columns])]
  return array(shape, data, left.type)
}

/** The last two axes swapped. A vector stays as it is. */
function transposed(x: Array64): Array64 {
  if (x.shape.length < 2) return x
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  const source = (index: readonly number[]) => [...index.slice(0, -2), index.at(-1)!, index.at(-2)!]
  return filled([...x.shape.slice(0, -2), columns, rows], (index) => x.data[flatOf(x.shape, source(index))]!, x.type)
}

function scaled(x: Array64, factor: number): Array64 {
  return array(
    x.shape,
    x.data.map((each) => each * factor),
    x.type,
  )
}

/** Sums the product of the terms' elements over every index that the output does not name, one index of all letters at a time. */
export function einsum(equation: string, terms: readonly Array64[]): Array64 {
  const { inputs, output } = labelled(equation.replaceAll(' ', ''), terms)
  const sizes = new Map<string, number>()
  for (const [i, labels] of inputs.entries()) {
    for (const [axis, label] of labels.entries()) sizes.set(label, Math.max(sizes.get(label) ?? 1, terms[i]!.shape[axis]!))
  }
  const letters = [...sizes.keys()]
  const shape = output.map((label) => sizes.get(label)!)
  const data = new Float64Array(count(shape))
  const places = (labels: readonly string[]) => labels.map((label) => letters.indexOf(label))
  const [sources, target] = [inputs.map(places), places(output)]
  eachIndex([...sizes.values()], (index) => {
    let product = 1
    for (const [i, axes] of sources.entries()) {
      const { shape: own, data: values } = terms[i]!
      product *=
        values[
          flatOf(
            own,
            axes.map((place, axis) => (own[axis] === 1 ? 0 : index[place]!)),
          )
        ]!
    }
    data[
      flatOf(
        shape,
        target.map((place) => index[place]!),
      )
    ]! += product
  })
  return array(shape, data)
}

/** The label of each axis; those under an ellipsis are '…0', '…1' and so on, the last being the same in all. */
function labelled(equation: string, terms: readonly Array64[]): { inputs: string[][]; output: string[] } {
  const [left, right] = equation.split('->') as [string, string | undefined]
  const inputTerms = left.split(',')
  const ranks = inputTerms.map((term, i) => terms[i]!.shape.length - term.replace('...', '').length)
  const most = Math.max(0, ...inputTerms.map((term, i) => (term.includes('...') ? ranks[i]! : 0)))
  const expand = (term: string, rank: number): string[] => {
    if (!term.includes('...')) return [...term]
    const [before, behind] = term.split('...') as [string, string]
    return [...before, ...Array.from({ length: rank }, (_, i) => `…${most - rank + i}`), ...behind]
  }
  const inputs = inputTerms.map((term, i) => expand(term, ranks[i]!))
  if (right !== undefined) return { inputs, output: expand(right, most) }
  const all = inputs.flat()
  const once = [...new Set(all)].filter((label) => all.indexOf(label) === all.lastIndexOf(label) && !label.startsWith('…'))
  return { inputs, output: [...Array.from({ length: most }, (_, i) => `…${i}`), ...once.sort()] }
}
