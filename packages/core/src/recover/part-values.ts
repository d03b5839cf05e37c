import { bytesOf, editModel, GraphWriter, type Model, makeValueInfo, PareError } from '@pare/onnx'
import type { LevelMeasuring } from '../calibrate/levels.js'
import { addedMasks, maskedRows } from '../calibrate/masked-rows.js'
import type { MaskLayout } from '../calibrate/padding.js'
import type { SampleArray, SampleType } from './part-job.js'

/** A value that is wanted of all samples. */
export interface WantedValue {
  /** What the array is to be called. */
  readonly name: string
  /** In the model. Undefined: which rows of `layout` count. */
  readonly value: string | undefined
  readonly layout?: MaskLayout
  readonly type: SampleType
}

/** Values of all samples, and how many samples there are. */
export interface PartValues {
  readonly samples: number
  readonly arrays: readonly SampleArray[]
}

/** What is known of an array while batches come in. */
interface Growing {
  shape: readonly number[] | undefined
  split: boolean
  readonly pieces: Uint8Array[]
}

/**
 * Runs a model over all samples, and gathers values of it with one row for each sample: axes that samples share with positions are split. Throws PareError where a
 * value has no whole number of rows for each sample, or another shape in another batch.
 */
export async function valuesOfSamples(
  model: Model,
  wanted: readonly WantedValue[],
  { forward, padding }: LevelMeasuring,
  signal?: AbortSignal,
): Promise<PartValues> {
  const { graph } = model
  const writer = new GraphWriter(graph, 'recover')
  const rows = maskedRows(writer, model.opsets.get('') ?? 1)
  const outputs = wanted.map(({ value, layout }) => {
    const own = value === undefined ? writer.node('Cast', [rows.kept(layout!)], { to: 1n }) : writer.own('Identity', [value])
    return { own, shape: writer.node('Shape', [own]) }
  })
  const count = writer.own('Shape', [graph.inputs.find(({ shape }) => shape === undefined || shape.length > 0)!.name])
  const names = [count, ...outputs.flatMap(({ own, shape }) => [own, shape])]
  const measuring = editModel(model, {
    graph: writer.addedTo(graph, {
      inputs: [...graph.inputs, ...addedMasks(padding?.masks ?? [], graph)],
      outputs: names.map((name) => makeValueInfo({ name })),
    }),
  })
  const arrays = wanted.map((): Growing => ({ shape: undefined, split: false, pieces: [] }))
  let samples = 0
  for await (const { outputs: arrived } of forward(measuring, { sums: new Set(), ...(signal && { signal }) })) {
    const size = Number(arrived[count]![0])
    samples += size
    for (const [i, { own, shape }] of outputs.entries())
      take(arrays[i]!, { wanted: wanted[i]!, size, shape: Array.from(arrived[shape]!, Number), elements: arrived[own]! })
  }
  return {
    samples,
    arrays: wanted.map(({ name, type }, i) => {
      const { shape = [], split, pieces } = arrays[i]!
      return { name, type, shape: [samples, ...shape], split, pieces }
    }),
  }
}

interface Taken {
  readonly wanted: WantedValue
  /** Samples of the batch. */
  readonly size: number
  readonly shape: readonly number[]
  readonly elements: ArrayLike<number | bigint>
}

function take(array: Growing, { wanted: { value = 'the mask', type }, size, shape, elements }: Taken): void {
  const [first = 1, ...rest] = shape
  const perSample = first / size
  if (!Number.isInteger(perSample)) {
    throw new PareError(`recover: '${value}' has ${first} rows for ${size} samples, and blocks are trained sample by sample.`, {
      hint: 'a value that all samples of a batch share cannot enter a block; take --recover repair, which needs no rows of samples.',
    })
  }
  const own = perSample === 1 ? rest : [perSample, ...rest]
  if (array.shape !== undefined && String(array.shape) !== String(own)) {
    throw new PareError(`recover: '${value}' is [${array.shape}] for some samples and [${own}] for others.`, {
      hint: 'blocks are trained on samples of one size: give windows or images of one size.',
    })
  }
  array.shape = own
  array.split = perSample !== 1
  array.pieces.push(bytesOf(type, elements))
}
