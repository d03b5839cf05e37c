import { attributesOf, madeBy, type Node, present, readAll, type Tensor, type Uses, valuesOf } from '@pare/onnx'
import type { RowNorm } from '../engine/rows.js'
import { BINARY } from './scalar-functions.js'

/** Nodes that together normalise the rows of a value. */
export interface FoundNorm {
  readonly nodes: readonly Node[]
  readonly result: string
  readonly norm: RowNorm
}

/** More nodes make no normalisation. */
const MOST_NODES = 12
/** Rows that the nodes are tried on. */
const ROWS = 3
/** Relative to the largest result: arithmetic here is f64, constants are f32. */
const TOLERANCE = 1e-6

/**
 * The normalisation of a value's last axis that begins at `node`: an operator for it, or nodes that compute one. The latter are run on random rows, and the
 * results decide, so that it does not matter how an exporter writes it. `widthOf`: the last axis of a value, where it is known.
 */
export async function normAt(
  node: Node,
  { uses, widthOf }: { uses: Uses; widthOf: (name: string) => number | undefined },
): Promise<FoundNorm | undefined> {
  const operator = await operatorNorm(node, uses)
  if (operator !== undefined) return operator
  // Nodes of an RMS begin with a square, those of the other with a mean.
  const [value] = node.inputs
  const width = value === undefined ? undefined : widthOf(value)
  if (!/^(Pow|Mul|ReduceMean)$/.test(node.op) || width === undefined || width < 2) return undefined
  return composedNorm(value!, { node, width, uses })
}

async function operatorNorm(node: Node, { constants, outputs, consumers }: Uses): Promise<FoundNorm | undefined> {
  const kind = OPERATORS[`${node.domain}.${node.op}`]
  const { int, float } = attributesOf(node)
  const others = node.outputs.slice(1).some((name) => name !== '' && (outputs.has(name) || consumers.has(name)))
  if (kind === undefined || others || int('axis', -1) !== -1) return undefined
  const scale = await vectorOf(constants.get(node.inputs[1] ?? ''))
  const bias = node.inputs[2] ? await vectorOf(constants.get(node.inputs[2])) : undefined
  if (scale === undefined || (node.inputs[2] && bias?.length !== scale.length)) return undefined
  return {
    nodes: [node],
    result: node.outputs[0]!,
    norm: { kind, epsilon: float('epsilon', 1e-5), scale, ...present({ bias }) },
  }
}

const OPERATORS: Readonly<Record<string, RowNorm['kind']>> = {
  '.LayerNormalization': 'layer',
  '.RMSNormalization': 'rms',
  '.SimplifiedLayerNormalization': 'rms',
  'com.microsoft.SimplifiedLayerNormalization': 'rms',
}

async function vectorOf(tensor: Tensor | undefined): Promise<Float32Array | undefined> {
  if (tensor?.type !== 'float32' || tensor.shape.length !== 1) return undefined
  return valuesOf('float32', await readAll(tensor.data)) as Float32Array
}

/** Numbers of a row, or one for all. */
type Row = Float64Array

async function composedNorm(
  value: string,
  { node, width, uses }: { node: Node; width: number; uses: Uses },
): Promise<FoundNorm | undefined> {
  const rows = Array.from({ length: ROWS }, (_, r) =>
    Float64Array.from({ length: width }, (_, i) => Math.sin(1 + i * 1.7 + r * 2.3) + 0.3 * r),
  )
  const rowsOf = new Map<string, readonly Row[]>([[value, rows]])
  const epsilons: number[] = []
  const nodes: Node[] = []
  const pending = [node]
  while (pending.length > 0 && nodes.length < MOST_NODES) {
    const next = pending.shift()!
    if (nodes.includes(next)) continue
    const result = await computed(next, { rowsOf, width, uses, epsilons })
    if (result === undefined) continue
    nodes.push(next)
    const name = next.outputs[0]!
    rowsOf.set(name, result)
    pending.push(...(uses.consumers.get(name) ?? []))
    // The value itself may go elsewhere too: to a residual sum.
    for (const reader of uses.consumers.get(value) ?? []) if (!pending.includes(reader)) pending.push(reader)
    const open = [...rowsOf.keys()].filter(
      (each) =>
        each !== value && (uses.outputs.has(each) || (uses.consumers.get(each) ?? []).some((reader) => !nodes.includes(reader))),
    )
    const norm = open.length === 1 && result[0]!.length === width ? recognise(rows, rowsOf.get(open[0]!)!, epsilons) : undefined
    // Scale and bias come last: with them the normalisation is complete.
    if (norm !== undefined && !(await grows(open[0]!, uses)))
      return { nodes: withoutStrays(nodes, open[0]!, uses), result: open[0]!, norm }
  }
  return undefined
}

/** Whether the only reader of a value multiplies it with, or adds, a constant vector. */
async function grows(name: string, { consumers, constants, outputs }: Uses): Promise<boolean> {
  const [reader, ...others] = consumers.get(name) ?? []
  if (reader === undefined || others.length > 0 || outputs.has(name) || !/^(Mul|Add)$/.test(reader.op)) return false
  return reader.inputs.some((each) => constants.get(each)?.shape.length === 1 && constants.get(each)!.type === 'float32')
}

/** Only nodes that lead to the result: a reader of the value that happened to be computable is none of its parts. */
function withoutStrays(nodes: readonly Node[], result: string, { producers }: Uses): Node[] {
  const parts = new Set<Node>()
  const keep = (name: string): void => {
    const producer = producers.get(name)
    if (producer === undefined || !nodes.includes(producer) || parts.has(producer)) return
    parts.add(producer)
    for (const input of producer.inputs) keep(input)
  }
  keep(result)
  return nodes.filter((node) => parts.has(node))
}

/** y = scale · n(x) + bias for one of the kinds and an ε that stands in the nodes: scale and bias follow from two rows, the third must agree. */
function recognise(rows: readonly Row[], results: readonly Row[], epsilons: readonly number[]): RowNorm | undefined {
  if (results.some((row) => row.length !== rows[0]!.length)) return undefined
  for (const kind of ['rms', 'layer'] as const)
    for (const epsilon of epsilons) {
      const [a, b, c] = rows.map((row) => normalised(row, kind, epsilon)) as [Row, Row, Row]
      const [ya, yb, yc] = results as [Row, Row, Row]
      const scale = a.map((n, i) => (kind === 'rms' ? ya[i]! / n : (ya[i]! - yb[i]!) / (n - b[i]!)))
      const bias = a.map((n, i) => (kind === 'rms' ? 0 : ya[i]! - scale[i]! * n))
      const largest = yc.reduce((most, y) => Math.max(most, Math.abs(y)), 0)
      const agrees = (n: Row, y: Row) =>
        n.every((each, i) => Math.abs(scale[i]! * each + bias[i]! - y[i]!) <= TOLERANCE * largest)
      if (!(largest > 0) || !agrees(b, yb) || !agrees(c, yc)) continue
      return { kind, epsilon, scale: Float32Array.from(scale), ...(kind === 'layer' && { bias: Float32Array.from(bias) }) }
    }
  return undefined
}

/** (x − mean) / √(variance + ε); 'rms' takes 0 for the mean. */
function normalised(row: Row, kind: RowNorm['kind'], epsilon: number): Row {
  const mean = kind === 'rms' ? 0 : average(row)
  const variance = average(row.map((x) => (x - mean) ** 2))
  return row.map((x) => (x - mean) / Math.sqrt(variance + epsilon))
}

const average = (row: Row) => row.reduce((sum, x) => sum + x, 0) / row.length

const SINGLES: Readonly<Record<string, (x: number) => number>> = { Sqrt: Math.sqrt, Reciprocal: (x) => 1 / x }

interface Trial {
  readonly rowsOf: ReadonlyMap<string, readonly Row[]>
  readonly width: number
  readonly uses: Uses
  /** Small constants, which may be the ε. */
  readonly epsilons: number[]
}

async function computed(node: Node, { rowsOf, width, uses, epsilons }: Trial): Promise<readonly Row[] | undefined> {
  if (node.domain !== '' || madeBy(node).length !== 1) return undefined
  if (node.op === 'ReduceMean') {
    const of = rowsOf.get(node.inputs[0]!)
    return of !== undefined && (await isLastAxis(node, uses)) ? of.map((row) => Float64Array.of(average(row))) : undefined
  }
  const operands: (readonly Row[])[] = []
  for (const name of node.inputs) {
    const rows = rowsOf.get(name) ?? (await constantRows(name, { width, uses, epsilons }))
    if (rows === undefined) return undefined
    operands.push(rows)
  }
  const [a, b] = operands
  const single = SINGLES[node.op]
  if (a !== undefined && b === undefined && single !== undefined) return a.map((row) => row.map(single))
  const pair = BINARY[node.op]
  if (a === undefined || b === undefined || pair === undefined) return undefined
  return a.map((row, r) => {
    const other = b[r]!
    return Float64Array.from({ length: Math.max(row.length, other.length) }, (_, i) =>
      pair(row[i % row.length]!, other[i % other.length]!),
    )
  })
}

async function constantRows(
  name: string,
  { width, uses, epsilons }: Pick<Trial, 'width' | 'uses' | 'epsilons'>,
): Promise<readonly Row[] | undefined> {
  const tensor = uses.constants.get(name)
  const size = tensor?.shape.reduce((a, b) => a * b, 1)
  if (tensor?.type !== 'float32' || tensor.shape.length > 1 || (size !== 1 && size !== width)) return undefined
  const values = Float64Array.from(valuesOf('float32', await readAll(tensor.data)) as Float32Array)
  if (size === 1 && values[0]! >= 0 && values[0]! < 0.1) epsilons.push(values[0]!)
  return Array.from({ length: ROWS }, () => values)
}

async function isLastAxis(node: Node, { constants }: Uses): Promise<boolean> {
  const { int, ints } = attributesOf(node)
  if (int('keepdims', 1) !== 1) return false
  const axes = ints('axes')
  if (axes !== undefined) return axes.length === 1 && axes[0] === -1
  const tensor = constants.get(node.inputs[1] ?? '')
  if (tensor?.type !== 'int64' || tensor.shape.length !== 1 || tensor.shape[0] !== 1) return false
  return Number(valuesOf('int64', await readAll(tensor.data))[0]) === -1
}
