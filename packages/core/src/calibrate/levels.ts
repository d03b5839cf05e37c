import {
  editGraph,
  editModel,
  type Graph,
  graphsOf,
  inferShapes,
  isRandom,
  leadingTo,
  type Model,
  madeBy,
  makeValueInfo,
  type Node,
  operatorName,
  present,
  reachedFrom,
  readBy,
  segmentOf,
  type ValueInfo,
} from '@pare/onnx'
import type { CrossingType, Forward, ForwardOptions, Relay } from './forward.js'
import { addedMasks } from './masked-rows.js'
import { findPadding, type Padding } from './padding.js'

/** One step on the way through a model: what is measured there is settled once all levels before it are done. */
export interface Level {
  /** Values that are measured. */
  readonly reads: readonly string[]
  /** Constants, or values, that become others when the level is done. */
  readonly changes: readonly string[]
}

/** A model that is measured and changed level by level. Disposing of it removes what is stored between levels. */
export interface LevelRuns extends AsyncDisposable {
  /** What measures the model as it is at this level. Levels follow one another; each may be measured several times. */
  at(level: number): LevelMeasuring
}

export interface LevelMeasuring {
  readonly forward: Forward
  readonly padding: Padding | undefined
  readonly shapes: ReadonlyMap<string, readonly number[]>
}

export interface LevelsRequest {
  /** The model before anything is changed. What changes keeps names of values and their axes. */
  readonly model: Model
  readonly levels: readonly Level[]
  readonly signal?: AbortSignal | undefined
}

/**
 * Values that are settled are computed once, in segments, and stored where later levels read them: all levels together cost a constant number of forward
 * passes. Values that only follow from constants are computed in each segment that reads them, and so are those that cannot be stored.
 */
export async function openLevels(forward: Forward, { model, levels, signal }: LevelsRequest): Promise<LevelRuns> {
  const { fillsMask = false } = forward
  const padding = await findPadding(model, { fillsMask })
  const { shapes } = await inferShapes(model)
  if (forward.open === undefined)
    return { at: () => ({ forward, padding, shapes }), [Symbol.asyncDispose]: () => Promise.resolve() }
  const { graph } = model
  const inputs = [...graph.inputs, ...addedMasks(padding?.masks ?? [], graph)]
  const { graph: part } = segmentOf(model, { entries: [], outputs: [...new Set(levels.flatMap(({ reads }) => reads))] })
  const relay = await forward.open(editModel(model, { graph: editGraph(part, { inputs }) }), present({ signal }))
  const segments = new Segments({ graph, shapes }, levels, relay.crossings)
  return {
    at: (level) => ({
      forward: Object.assign((whole: Model, options: ForwardOptions) => runSegment(relay, segments.next(whole, level), options), {
        fillsMask,
      }),
      padding,
      shapes,
    }),
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  }
}

async function* runSegment(relay: Relay, { segment, store, forget, computed }: Segment, options: ForwardOptions) {
  yield* relay.run(segment, { ...options, store: new Set(store), forget })
  computed()
}

interface Segment {
  readonly segment: Model
  readonly store: readonly string[]
  readonly forget: readonly string[]
  /** To be called once it has run. */
  computed(): void
}

/** What is left to be computed of a model, level by level. */
class Segments {
  readonly #lasting: ReadonlySet<Node>
  /** Nodes that need not run again. */
  readonly #done = new Set<Node>()
  /** Those when the level began: what it needs stays until it is left. */
  #before: { readonly level: number; readonly done: ReadonlySet<Node> } = { level: -1, done: new Set() }

  private readonly graph: Graph
  /** Sizes of the last axis of values, where run times must be told. */
  readonly #widths: ReadonlyMap<string, number>

  constructor(
    { graph, shapes }: { readonly graph: Graph; readonly shapes: ReadonlyMap<string, readonly number[]> },
    private readonly levels: readonly Level[],
    private readonly crossings: ReadonlyMap<string, CrossingType>,
  ) {
    this.graph = graph
    this.#lasting = lastingNodes(graph)
    this.#widths = widthsOfPacked(graph, shapes)
  }

  /** What of a model runs now, for its outputs: the model has the graph's values under their names. */
  next(model: Model, level: number): Segment {
    const crossings = [...this.crossings].map(([name, type]) => infoOf(name, type, this.#widths.get(name)))
    const outputs = model.graph.outputs.map(({ name }) => name)
    const unsettled = reachedFrom(
      this.graph,
      this.levels.slice(level).flatMap(({ changes }) => changes),
    )
    const isSettled = (name: string) => !unsettled.has(name)
    const running = new Set(segmentOf(model, { entries: crossings, outputs }).graph.nodes.flatMap(madeBy))
    const done = this.graph.nodes.filter(
      (node) => this.#lasting.has(node) && madeBy(node).every((name) => isSettled(name) && running.has(name)),
    )
    const after = this.#readAt(level + 1, new Set([...this.#done, ...done]))
    const store = done.flatMap(madeBy).filter((name) => after.has(name) && !this.crossings.has(name))
    if (this.#before.level !== level) this.#before = { level, done: new Set(this.#done) }
    const before = this.#readAt(level, this.#before.done)
    return {
      segment: segmentOf(model, { entries: crossings, outputs: [...new Set([...outputs, ...store])] }),
      store,
      forget: [...this.crossings.keys()].filter((name) => !before.has(name) && !after.has(name)),
      computed: () => {
        for (const node of done) this.#done.add(node)
      },
    }
  }

  /** Values that a level and those after it read, once some nodes need not run again. */
  #readAt(level: number, done: ReadonlySet<Node>): ReadonlySet<string> {
    const reads = this.levels.slice(level).flatMap((each) => each.reads)
    const leading = leadingTo(this.graph, reads)
    const waiting = this.graph.nodes.filter((node) => !done.has(node) && madeBy(node).some((name) => leading.has(name)))
    return new Set([...reads, ...waiting.flatMap(readBy)])
  }
}

/** Nodes whose outputs are stored rather than computed again: they depend on samples or chance, and give tensors that leave the run time. */
function lastingNodes({ nodes, inputs, initializers, values }: Graph): ReadonlySet<Node> {
  const types = new Map(values.map(({ name, type }) => [name, type]))
  const stored = new Set(initializers.map(({ name }) => name))
  const sampled = new Set(inputs.map(({ name }) => name).filter((name) => !stored.has(name)))
  const lasting = new Set<Node>()
  for (const node of nodes) {
    if (!isRandom(node) && !readBy(node).some((name) => sampled.has(name))) continue
    for (const name of madeBy(node)) sampled.add(name)
    const leaves = madeBy(node).every((name) => !UNSTORABLE.test(types.get(name) ?? ''))
    if (leaves && givesTensors(node)) lasting.add(node)
  }
  return lasting
}

/** Whether all outputs are tensors: no sequences, optional values or maps. */
function givesTensors(node: Node): boolean {
  if (NO_TENSORS.has(operatorName(node))) return false
  const graphs = [...node.attributes.values()].flatMap(graphsOf)
  return graphs.every(({ graph }) => graph.outputs.every(({ type }) => type !== undefined))
}

const NO_TENSORS: ReadonlySet<string> = new Set([
  ...['SequenceConstruct', 'SequenceEmpty', 'SequenceInsert', 'SequenceErase', 'SequenceMap', 'SplitToSequence'],
  ...['Optional', 'OptionalGetElement', 'ai.onnx.ml.ZipMap'],
])

/** Types of elements that ONNX Runtime does not hand out to JavaScript. */
const UNSTORABLE = /^(bfloat16|float8|float4|u?int[24]$|complex)/

function infoOf(name: string, { type, rank }: CrossingType, width: number | undefined): ValueInfo {
  return makeValueInfo({ name, type, shape: Array.from({ length: rank }, (_, axis) => (axis === rank - 1 ? width : undefined)) })
}

/** Widths of queries, keys and values in one: of one that is not known ONNX Runtime takes what attention gives to be 0 wide. */
function widthsOfPacked({ nodes }: Graph, shapes: ReadonlyMap<string, readonly number[]>): ReadonlyMap<string, number> {
  const packed = nodes.filter(({ op, inputs }) => op === 'GroupQueryAttention' && !inputs[1]).map(({ inputs }) => inputs[0]!)
  return new Map(packed.flatMap((name) => (shapes.get(name) === undefined ? [] : [[name, shapes.get(name)!.at(-1)!] as const])))
}
