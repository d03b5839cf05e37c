import type { Pooling } from '@pare/metric'
import { PareError } from '@pare/onnx'
import type { Batch } from '../../data/dataset.js'
import { describe, type NdArray, numbersOf, sizeOf } from '../../data/ndarray.js'
import type { Session } from '../../process/runtime.js'
import type { AskingPlace } from './likelihoods.js'
import { runTokens } from './token-rows.js'

interface PairPlace extends AskingPlace {
  /** How metrics want a vector of a text to be made. They agree, or it is refused. */
  readonly pooling: readonly Pooling[]
}

/** The vectors of both texts of each sample, f64[samples, 2, width]. Texts run by length, each once for all samples that hold it. */
export async function encodePairs(session: Session, batch: Batch, { output, atOnce, pooling }: PairPlace): Promise<NdArray> {
  const [pool, other] = pooling as [Pooling, Pooling | undefined]
  if (other !== undefined) {
    throw new PareError(`evaluation: metrics make the vector of a text in two ways, pairs=${pool} and pairs=${other}.`, {
      hint: 'measure them in two evaluations: a config names the second one in evaluations.',
    })
  }
  const texts = new Map<string, readonly number[]>()
  for (const ids of batch.pairs!.flat()) texts.set(ids.join(), ids)
  const rows = [...texts].sort(([, a], [, b]) => a.length - b.length)
  const vectors = new Map<string, Float64Array>()
  const place = { output, first: batch.first, fixed: atOnce.fixed ? atOnce.size : undefined }
  for (let at = 0; at < rows.length; at += atOnce.size) {
    const run = rows.slice(at, at + atOnce.size)
    const { array, width } = await runTokens(session, { ...place, rows: run.map(([, ids]) => ids) })
    const isTokens = array.shape.length === 3 && array.shape[1] === width
    const problem = poolingProblem(pool, { isTokens, array })
    if (problem !== undefined)
      throw new PareError(`${session.name}: output '${output}' ${problem.message}`, { hint: problem.hint })
    for (const [i, [key, ids]] of run.entries()) vectors.set(key, vectorOf(array, i, { pool, tokens: ids.length }))
  }
  const size = [...vectors.values()][0]!.length
  const data = new Float64Array(batch.pairs!.length * 2 * size)
  for (const [i, ids] of batch.pairs!.flat().entries()) data.set(vectors.get(ids.join())!, i * size)
  return { type: 'float64', shape: [batch.pairs!.length, 2, size], data }
}

function poolingProblem(
  pool: Pooling,
  { isTokens, array }: { readonly isTokens: boolean; readonly array: NdArray },
): { readonly message: string; readonly hint: string } | undefined {
  const shown = describe(array.type, array.shape)
  if (pool === 'output') {
    if (!isTokens) return undefined
    return {
      message: `is ${shown}, a vector for each token, and pairs=output takes one for a text.`,
      hint: "write pairs=auto where 1_Pooling/config.json of sentence-transformers lies beside the model; else pairs=mean, cls, max or last, or name the output 'sentence_embedding'.",
    }
  }
  if (isTokens) return undefined
  return {
    message: `is ${shown}, and pairs=${pool} takes a vector for each token.`,
    hint: 'write pairs=output where the model gives one vector for a text.',
  }
}

/** f64[width] of one row of the output: the mean or the largest over its tokens, the vector of the first or of the last, or the row as it is. */
function vectorOf(
  array: NdArray,
  row: number,
  { pool, tokens }: { readonly pool: Pooling; readonly tokens: number },
): Float64Array {
  const each = sizeOf(array.shape.slice(1))
  const values = numbersOf(array, row * each, (row + 1) * each)
  if (pool === 'output') return Float64Array.from(values)
  const width = array.shape[2]!
  if (pool === 'cls') return Float64Array.from(values.subarray(0, width))
  if (pool === 'last') return Float64Array.from(values.subarray((tokens - 1) * width, tokens * width))
  if (pool === 'max') {
    const largest = Float64Array.from(values.subarray(0, width))
    for (let at = width; at < tokens * width; at++) largest[at % width] = Math.max(largest[at % width]!, values[at]!)
    return largest
  }
  const mean = new Float64Array(width)
  for (let token = 0; token < tokens; token++) for (let i = 0; i < width; i++) mean[i]! += values[token * width + i]! / tokens
  return mean
}
