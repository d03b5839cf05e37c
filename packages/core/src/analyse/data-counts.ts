import { keyOf, type Model, type Node, operatorName, type ShapeOptions, visitNodes } from '@pare/onnx'
import type { PassCount } from './passes.js'

type Sizes = Readonly<Record<string, number>>

/** How many of something only data decide: boxes that NonMaxSuppression leaves, elements that NonZero finds, passes of a Loop. */
export interface DataCount {
  /** The name of the node, by which `AxisSizes` state it. */
  readonly name: string
  /** The node, as messages have it. */
  readonly node: string
  /** The most there can be at these sizes, or what is stated. */
  readonly most: number
  /** How often a Loop runs is decided: by a condition that may end it before the most there can be, or by data alone, and then one pass is counted. */
  readonly passes?: 'most' | 'one'
}

const COUNTING: ReadonlySet<string> = new Set(['NonZero', 'NonMaxSuppression', 'Compress', 'Unique', 'Loop'])

/** The nodes of a model whose outputs have sizes that only data decide: by the id of the first output. */
export function countingNodes(model: Model): ReadonlyMap<string, Pick<DataCount, 'name' | 'node'>> {
  const nodes: [string, Node][] = []
  visitNodes(model, (node, { path }) => {
    if (COUNTING.has(operatorName(node))) nodes.push([`${path}${keyOf(node)}`, node])
  })
  const names = nodes.map(([, { name }]) => name)
  return new Map(
    nodes.map(([id, node]) => {
      const isOnly = node.name !== '' && names.indexOf(node.name) === names.lastIndexOf(node.name)
      const name = isOnly ? node.name : id
      return [id, { name, node: `${node.op} '${name}'` }]
    }),
  )
}

/** Takes what `sizes` say of a count, else the most there can be, and writes down which were asked for, in the order of the graph. */
export function countsAt(nodes: ReadonlyMap<string, Pick<DataCount, 'name' | 'node'>>, sizes: Sizes): AskedCounts {
  const asked = new Map<string, DataCount>()
  const counts = (id: string, most: number | undefined) => {
    const node = nodes.get(id)
    const size = node && (sizes[node.name] ?? most)
    if (size !== undefined) asked.set(node!.name, { ...node!, most: size })
    return size
  }
  const passes = (id: string, { most, mayEnd }: PassCount) => {
    const node = nodes.get(id)
    if (node === undefined || (most !== undefined && !mayEnd)) return most ?? 1
    const size = sizes[node.name] ?? most ?? 1
    asked.set(node.name, { ...node, most: size, passes: most === undefined ? 'one' : 'most' })
    return size
  }
  return { counts, passes, asked }
}

interface AskedCounts {
  readonly counts: NonNullable<ShapeOptions['counts']>
  /** Of a Loop or Scan, by its id. */
  passes(id: string, own: PassCount): number
  readonly asked: ReadonlyMap<string, DataCount>
}

/**
 * Which of these counts a total follows, the last ones first: where one is stated, those that only bound it do not matter. `total` is asked once where none does, else
 * once for each of them.
 */
export function decisiveCounts(asked: readonly DataCount[], total: (sizes: Sizes) => number | null): DataCount[] {
  const all = total({})
  // One pass is what is counted where nothing is known of their number.
  const other = ({ passes }: DataCount) => (passes === 'one' ? 2 : 1)
  if (asked.length === 0 || total(sizesOf(asked, other)) === all) return []
  const decisive: DataCount[] = []
  for (const count of [...asked].reverse())
    if (total({ ...sizesOf(decisive, ({ most }) => most), [count.name]: other(count) }) !== all) decisive.unshift(count)
  return decisive
}

/** As `AxisSizes` state them. */
export function sizesOf(counts: readonly DataCount[], size: (count: DataCount) => number): Sizes {
  return Object.fromEntries(counts.map((count) => [count.name, size(count)]))
}
