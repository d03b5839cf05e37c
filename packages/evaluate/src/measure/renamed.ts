import { openModel, PareError, present, symbolsOf } from '@pare/onnx'
import { openData } from '../data/data.js'
import type { Batch } from '../data/dataset.js'
import { canFill, tokenInput } from '../data/fill.js'
import type { NdArray } from '../data/ndarray.js'
import type { TextOptions } from '../data/text/text-options.js'
import { openSession, type Runtime, type Session } from '../process/runtime.js'
import { integersOf } from './counted.js'
import { makeUp } from './made-up.js'

/** A language model, and one with fewer tokens that are called otherwise: on the same texts they should read the same tokens and give the same numbers. */
export interface RenamedRequest {
  readonly reference: { readonly model: string; readonly text: TextOptions }
  readonly other: { readonly model: string; readonly text: TextOptions }
  /** Files of text, tables of texts or folders of them: absolute paths. */
  readonly data: readonly string[]
  /** The ids of the reference that stay, in order: where they stand are their ids in the other. */
  readonly kept: readonly number[]
  /** Tokens of the reference. */
  readonly units: number
  /** Windows of text that are run through the models. All are compared as tokens. */
  readonly windows: number
}

export interface RenamedComparison {
  readonly windows: number
  readonly tokens: number
  /** Windows that do not become the same tokens. */
  readonly different: number
  /** Where the first of them is, to the batch. */
  readonly first?: { readonly path: string; readonly window: number }
  readonly outputs: {
    readonly windows: number
    readonly numbers: number
    /** Numbers that differ in a bit. */
    readonly different: number
    /** Largest difference ÷ the largest number of the output. */
    readonly relative: number
  }
}

/** Windows that are read at once. */
const BATCH = 8

/** Reads the data with both tokenizers side by side, and runs the first windows through both models. */
export async function compareRenamed(runtime: Runtime, request: RenamedRequest): Promise<RenamedComparison> {
  const { reference, other, kept, units } = request
  await using one = await openSession(runtime, reference.model)
  await using two = await openSession(runtime, other.model)
  const [ofOne, ofTwo] = [await runnerOf(one, reference.model), await runnerOf(two, other.model)]
  const now = new Map(kept.map((id, at) => [id, at]))
  const counts = { windows: 0, tokens: 0, different: 0 }
  const outputs = { windows: 0, numbers: 0, different: 0, relative: 0 }
  let first: RenamedComparison['first']
  for (const path of request.data) {
    const [before, after] = [
      await openData(path, { inputs: ofOne.inputs, trusted: true, models: [reference.model], text: reference.text }),
      await openData(path, { inputs: ofTwo.inputs, trusted: true, models: [other.model], text: other.text }),
    ]
    const others = after.batches(BATCH)[Symbol.asyncIterator]()
    for await (const batch of before.batches(BATCH)) {
      const { value: twin } = (await others.next()) as { value: Batch | undefined }
      const different = twin === undefined ? batch.size : differentRows(batch, twin, now)
      counts.windows += batch.size
      counts.tokens += tokensOf(batch).data.length
      counts.different += different
      if (different > 0) first ??= { path, window: batch.first + 1 }
      if (different > 0 || twin === undefined) continue
      if (outputs.windows >= request.windows) continue
      const [expected, actual] = [await ofOne.run(batch), await ofTwo.run(twin)]
      for (const [name, array] of Object.entries(expected)) {
        const apart = difference(array, actual[name], { kept, units })
        if (apart === undefined) throw unequal(name, array, actual[name])
        outputs.numbers += apart.numbers
        outputs.different += apart.different
        outputs.relative = Math.max(outputs.relative, apart.relative)
      }
      outputs.windows += batch.size
    }
  }
  return { ...counts, ...present({ first }), outputs }
}

/** Runs a model over tokens. What does not follow from tokens, such as what an encoder gives and a cache, is made up, the same for both models. */
async function runnerOf(session: Session, path: string) {
  const tokens = tokenInput(session.inputs)
  const isMerged = session.inputs.some(({ name }) => name === FLAG)
  const isWhole = !isMerged && session.inputs.every((input) => input.name === tokens || canFill(input))
  if (isWhole) return { inputs: session.inputs, run: (batch: Batch) => session.runBatch(batch) }
  await using file = await openModel(path)
  const common = { symbols: await symbolsOf(file.model), integers: integersOf(file.model), run: 0 }
  return {
    inputs: session.inputs.filter(({ name }) => name === tokens),
    async run(batch: Batch) {
      const ids = tokensOf(batch)
      const made = makeUp(session.inputs, { ...common, sizes: [batch.size, ids.shape[1]!, PAST] })
      const outputs: Record<string, NdArray> = {}
      for (const branch of isMerged ? [0, 1] : [undefined]) {
        const flag = branch === undefined ? {} : { [FLAG]: { type: 'bool', shape: [1], data: Uint8Array.of(branch) } as const }
        const arrays = await session.runAll({ ...made, [batch.tokens!]: ids, ...flag })
        for (const [i, { name }] of session.outputs.entries()) outputs[branch === 1 ? `${name} with a cache` : name] = arrays[i]!
      }
      return outputs
    },
  }
}

/** The input of a merged decoder that says whether there is a cache: both branches are run. */
const FLAG = 'use_cache_branch'
/** Tokens of a cache that is made up. */
const PAST = 3

function tokensOf({ inputs, tokens }: Batch): NdArray {
  const array = tokens === undefined ? undefined : inputs[tokens]
  if (array === undefined) throw new PareError('the data hold no texts for the input of token ids.')
  return array
}

/** Windows of a batch that hold other tokens. */
function differentRows(before: Batch, after: Batch, now: ReadonlyMap<number, number>): number {
  const [one, two] = [tokensOf(before), tokensOf(after)]
  if (one.shape.join() !== two.shape.join()) return before.size
  const length = one.data.length / before.size
  const isRow = (row: number) =>
    Array.from({ length }, (_, i) => row * length + i).every((i) => now.get(Number(one.data[i])) === Number(two.data[i]))
  return Array.from({ length: before.size }, (_, row) => row).filter((row) => !isRow(row)).length
}

/** Undefined where the shapes cannot be told to be those of the same output. */
function difference(
  expected: NdArray,
  actual: NdArray | undefined,
  { kept, units }: Pick<RenamedRequest, 'kept' | 'units'>,
): { numbers: number; different: number; relative: number } | undefined {
  const [width, narrow] = [expected.shape.at(-1) ?? 1, actual?.shape.at(-1) ?? 1]
  if (actual === undefined || expected.shape.length !== actual.shape.length) return undefined
  if (expected.shape.slice(0, -1).join() !== actual.shape.slice(0, -1).join()) return undefined
  const isVocabulary = width === units && narrow === kept.length
  if (!isVocabulary && width !== narrow) return undefined
  let different = 0
  let most = 0
  let largest = 0
  const rows = width === 0 ? 0 : expected.data.length / width
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < narrow; i++) {
      const [a, b] = [Number(expected.data[row * width + (isVocabulary ? kept[i]! : i)]), Number(actual.data[row * narrow + i])]
      largest = Math.max(largest, Math.abs(a))
      if (Object.is(a, b)) continue
      different++
      most = Number.isNaN(a - b) ? Number.POSITIVE_INFINITY : Math.max(most, Math.abs(a - b))
    }
  return { numbers: actual.data.length, different, relative: most === 0 ? 0 : most / (largest || 1) }
}

function unequal(name: string, expected: NdArray, actual: NdArray | undefined): PareError {
  return new PareError(
    `output '${name}' is [${expected.shape.join(', ')}], and [${actual?.shape.join(', ') ?? 'nothing'}] with fewer tokens.`,
    { hint: 'please report the model.' },
  )
}
