import { attributesOf, keyOf, type Model, type Node, type Shapes } from '@pare/onnx'

/** A Loop or Scan of a model whose graphs are written out (`flattened`): what stands in its body runs once for each pass. */
export interface Repetition {
  /** By which `AxisSizes` state the number of passes. */
  readonly id: string
  /** How ids of what is in the body begin. */
  readonly path: string
  /** Passes at the sizes that shapes were inferred for. */
  passes(shapes: Shapes): PassCount
}

export interface PassCount {
  /** Undefined: only data decide. */
  readonly most: number | undefined
  /** Whether a condition may end it before. */
  readonly mayEnd: boolean
}

/** All of a flat model, in the order in which they end. Linear in nodes. */
export function repetitionsOf({ graph }: Model): readonly Repetition[] {
  const joins = graph.nodes.filter(({ domain, op }) => domain === 'pare' && (op === 'Loop' || op === 'Scan'))
  if (joins.length === 0) return []
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const entries = new Map(graph.nodes.filter(isEntry).map((node) => [pathOf(node), node]))
  return joins.map((join) => {
    const id = attributesOf(join).string('id', keyOf(join))
    const path = `${id}.body/`
    return join.op === 'Scan' ? scanned(join, { id, path }) : looped(join, { id, path, entry: entries.get(path), makers })
  })
}

/** How often what has an id runs: the passes of everything around it, multiplied. */
export function timesOf(id: string, repetitions: readonly { readonly path: string; readonly passes: number }[]): number {
  return repetitions.reduce((all, { path, passes }) => (id.startsWith(path) ? all * passes : all), 1)
}

const isEntry = ({ domain, op, outputs }: Node) => domain === 'pare' && op === 'Enter' && outputs.length > 0

/** What a body takes has its path in front. */
const pathOf = ({ outputs }: Node) => outputs[0]!.slice(0, outputs[0]!.lastIndexOf('/') + 1)

type Place = Pick<Repetition, 'id' | 'path'>

/** As many as the first value that is gone through has positions. */
function scanned(join: Node, place: Place): Repetition {
  const { int, ints } = attributesOf(join)
  const value = join.inputs[join.inputs.length - int('num_scan_inputs', 0)] ?? ''
  const axis = ints('scan_input_axes', [0])[0] ?? 0
  return { ...place, passes: ({ shapes }) => ({ most: shapes.get(value)?.at(axis), mayEnd: false }) }
}

interface Loop extends Place {
  readonly entry: Node | undefined
  readonly makers: ReadonlyMap<string, Node>
}

/** As many as its first input says, unless its condition may become false. */
function looped(join: Node, { id, path, entry, makers }: Loop): Repetition {
  const [trips = '', condition = ''] = entry?.inputs ?? []
  const carried = behindCopies(join.inputs[0] ?? '', makers)
  return {
    ...{ id, path },
    passes({ values }) {
      const count = values.get(trips)?.numbers[0]
      const isTrue = (name: string) => name === '' || values.get(name)?.numbers[0] === 1
      const goesOn = isTrue(carried) || (isTrue(condition) && carried === entry?.outputs[1])
      return { most: count === undefined || count > MOST_PASSES ? undefined : Math.max(0, count), mayEnd: !goesOn }
    },
  }
}

/** Exporters write a loop without end as the largest whole number. */
const MOST_PASSES = 2 ** 31 - 2

/** What a value is a copy of. */
function behindCopies(name: string, makers: ReadonlyMap<string, Node>): string {
  const seen = new Set<string>()
  let source = name
  for (let node = makers.get(source); node?.op === 'Identity' || node?.op === 'Cast'; node = makers.get(source)) {
    if (seen.has(source)) return source
    seen.add(source)
    source = node.inputs[0] ?? ''
  }
  return source
}
