import type * as Ort from 'onnxruntime-common'
import { openEngine } from '../engine/engine.js'
import { kindOf } from '../engine/product.js'
import { type DenseWeight, packRows, packTiles } from '../pack.js'
import { inTurn, OF_LAYER } from './measure.js'
import type { RunParts } from './parts.js'
import type { LayerPlan, SparsityOutlook } from './plan.js'

const SPARSITIES = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
const FORMATS = [
  ['rows', { rows: 1, columns: 1 }],
  ['tiles 4×1', { rows: 4, columns: 1 }],
] as const
/** What is less is not told from noise. */
const WORTH = 1.1

/**
 * From which share of zeros on a product of this size would be faster sparse, in any place and in tiles: with made-up weights of more and more zeros until it
 * is. `dense` computes the product of `feeds`.
 */
export async function outlookOf(
  { engine: { threads } }: RunParts,
  { in: inputs, out, samples }: LayerPlan,
  { dense, feeds }: { readonly dense: Ort.InferenceSession; readonly feeds: { readonly x: Ort.Tensor } },
): Promise<SparsityOutlook[]> {
  const outlooks: SparsityOutlook[] = []
  for (const [format, tile] of FORMATS) {
    const point = await first(SPARSITIES, async (sparsity) => {
      const weight = madeUpWeight({ inputs, out, sparsity, tile })
      const matrix = format === 'rows' ? packRows(weight) : packTiles(weight, tile)
      await using engine = await openEngine({ kinds: [kindOf(matrix)], threads })
      const product = engine.load(matrix)
      const [x, y] = [engine.memory.allocate(4 * samples * inputs, 'x'), engine.memory.allocate(4 * samples * out, 'y')]
      engine.memory.floats(x, samples * inputs).set(feeds.x.data as Float32Array)
      const { fastest } = await inTurn(
        () => dense.run(feeds),
        () => product.run(x, y, samples),
        OF_LAYER,
      )
      const speedup = fastest[0] / fastest[1]
      return speedup >= WORTH ? { sparsity, speedup } : undefined
    })
    outlooks.push({ in: inputs, out, samples, format, ...point })
  }
  return outlooks
}

async function first<T, R>(list: readonly T[], find: (each: T) => Promise<R | undefined>): Promise<R | undefined> {
  for (const each of list) {
    const result = await find(each)
    if (result !== undefined) return result
  }
  return undefined
}

interface MadeUp {
  readonly inputs: number
  readonly out: number
  readonly sparsity: number
  readonly tile: { readonly rows: number; readonly columns: number }
}

/** Zeros at random, by tile: kernels take as long for weights of any values. */
function madeUpWeight({ inputs, out, sparsity, tile }: MadeUp): DenseWeight {
  const data = new Float32Array(out * inputs)
  let state = 1
  for (let row = 0; row < out; row += tile.rows)
    for (let column = 0; column < inputs; column++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      if (state / 2 ** 32 < sparsity) continue
      for (let r = row; r < Math.min(row + tile.rows, out); r++) data[r * inputs + column] = 0.5
    }
  return { data, out, in: inputs, transposed: false }
}
