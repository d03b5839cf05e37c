import type { BlockPart } from '@pare/axes'
import { editGraph, editModel, GraphWriter, type Model, makeValueInfo, PareError, segmentOf } from '@pare/onnx'
import { SAMPLE_TYPES, type SampleArray, type SampleType } from './part-job.js'

/** What enters a part: the part before, what other parts gave, inputs of the model. */
export interface PartEntry {
  /** The value in the model. */
  readonly value: string
  /** What its array is called. */
  readonly name: string
  readonly type: SampleType
}

/** What the reference gives, and which rows count, as arrays. None is a name that data are known by, such as a label's. */
export const AIM = 'aim'
export const KEPT = 'kept'

/** What a part reads: values that parts begin or end with, and inputs of the model. Masks and tables of angles are computed from those again. */
export function entriesOf(model: Model, { to }: BlockPart, bounds: ReadonlySet<string>): PartEntry[] {
  const { inputs } = segmentAt(model, to, bounds).graph
  return inputs.map(({ name, type = 'float32' }, i) => {
    const own = SAMPLE_TYPES.find((each) => each === type)
    if (own !== undefined) return { value: name, name: `given_${i}`, type: own }
    throw new PareError(`recover: the block that ends with '${to}' reads the input '${name}', which is ${type}.`, {
      hint: 'blocks are trained on inputs of numbers of 8 bits or more; take --recover repair.',
    })
  })
}

function segmentAt(model: Model, to: string, bounds: ReadonlySet<string>): Model {
  const inputs = new Set(model.graph.inputs.map(({ name }) => name))
  const inputInfos = [...bounds]
    .filter((name) => name !== to && !inputs.has(name))
    .map((name) => makeValueInfo({ name, type: 'float32' }))
  const segment = segmentOf(model, { entries: inputInfos, outputs: [to] })
  const stored = new Set(segment.graph.initializers.map(({ name }) => name))
  return editModel(segment, {
    graph: editGraph(segment.graph, { inputs: segment.graph.inputs.filter(({ name }) => !stored.has(name)) }),
  })
}

export interface PartModelRequest {
  readonly part: BlockPart
  readonly bounds: ReadonlySet<string>
  readonly entries: readonly PartEntry[]
  /** By name: of the entries, 'aim', and 'kept' where not all rows count. */
  readonly arrays: ReadonlyMap<string, SampleArray>
  /** Samples in a batch, where the model takes no other number. */
  readonly fixedBatch: number | undefined
  /** Mean square of the aim, over rows that count. */
  readonly scale: number
  /** Share of the rows that counts. */
  readonly share: number
}

/** The part as a model of its own: from rows of arrays to its mean squared distance from the aim, as a share of the aim's mean square. */
export function partModel(model: Model, request: PartModelRequest): { readonly model: Model; readonly loss: string } {
  const { part, bounds, entries, arrays, fixedBatch, scale, share } = request
  const segment = segmentAt(model, part.to, bounds)
  const before = new GraphWriter(segment.graph, 'entry')
  const writer = new GraphWriter(segment.graph, 'loss')
  const inputs = [...arrays.values()].map(({ name, type, shape }) =>
    makeValueInfo({ name, type, shape: [fixedBatch, ...shape.slice(1)] }),
  )
  for (const { name, value } of entries) {
    const { shape, split } = arrays.get(name)!
    if (split) before.write('Reshape', [name, before.ints([-1, ...shape.slice(2)])], [value])
    else before.write('Identity', [name], [value])
  }
  const away = writer.node('Sub', [part.to, writer.node('Reshape', [AIM, writer.node('Shape', [part.to])])])
  const squares = writer.node('Mul', [away, away])
  const width = arrays.get(AIM)!.shape.at(-1)!
  const counted = arrays.has(KEPT)
    ? writer.node('Mul', [
        writer.node('Reshape', [squares, writer.ints([-1, width])]),
        writer.node('Reshape', [KEPT, writer.ints([-1, 1])]),
      ])
    : squares
  const mean = writer.node('ReduceMean', [counted], { keepdims: 0n })
  const loss = writer.node('Mul', [mean, writer.float(1 / (scale * share))])
  const { graph } = segment
  const whole = editGraph(graph, {
    inputs,
    nodes: [...before.nodes, ...graph.nodes, ...writer.nodes],
    initializers: [...graph.initializers, ...before.constants, ...writer.constants],
    outputs: [makeValueInfo({ name: loss })],
  })
  return { model: editModel(segment, { graph: whole }), loss }
}
