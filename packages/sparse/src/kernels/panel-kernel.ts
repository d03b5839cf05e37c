import { type Code, type Definition, define, i32, type Local, loopWhile, plus, repeat, v128, when } from '@pare/wasm'
import { madd, splats, type Variant } from './values.js'

/** What a kernel works on: tiles of `rows` outputs × `columns` inputs, `vectors` · 4 samples at a time. Single elements are tiles of 1 × 1. */
export interface PanelShape {
  readonly rows: number
  readonly columns: number
  readonly vectors: number
}

/**
 * y += x · Wᵀ for a panel of samples and the rows of a chunk (`BlockedChunk` has the layout of `headers`, `indices` and `values`).
 * x: f32[inputs, 4 · vectors]. y: f32[rows of the chunk, 4 · vectors]. `step`: bytes of x in a block of inputs. `blocks`: how many, at least 1.
 *
 * The sums of a band, rows × vectors, stay in registers within a block of inputs, whose x stays in the first-level cache. Bands with equally many tiles follow
 * one another, so that the processor foresees where each ends.
 */
export function panelKernel(name: string, { rows, columns, vectors }: PanelShape, variant: Variant): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], (writer) => {
    const [x, y, headers, indices, values, step, blocks] = writer.parameters
    const [classes, count, bands, band, left, at] = writer.locals('i32', 6)
    const sums = Array.from({ length: rows }, () => writer.locals('v128', vectors))
    const inputs = writer.locals('v128', rows > 1 ? vectors : 0)
    const width = 16 * vectors
    const tileBytes = 4 * rows * columns
    // Tiles of a stretch of code: enough for a vector of values.
    const unroll = variant.relaxed && rows * columns < 4 ? Math.ceil(4 / (rows * columns)) : 1

    const tiles = (number: number): Code =>
      splats(variant, { address: values.get, count: number * rows * columns }, writer, (splat, i) => {
        const [row, column, tile] = [i % rows, Math.floor(i / rows) % columns, Math.floor(i / rows / columns)]
        const offset = column * width
        return [
          row === 0 && column === 0 ? at.set(plus(x.get, i32.mul(i32.load16(indices.get, 2 * tile), i32.const(width)))) : [],
          row === 0 ? inputs.map((input, v) => input.set(v128.load(at.get, offset + 16 * v))) : [],
          sums[row]!.map((sum, v) =>
            sum.set(madd(variant, splat.get, inputs[v]?.get ?? v128.load(at.get, offset + 16 * v), sum.get)),
          ),
        ]
      })
    const advance = (number: number) => [
      indices.set(plus(indices.get, 2 * number)),
      values.set(plus(values.get, tileBytes * number)),
    ]
    const forEachSum = (use: (sum: Local, offset: number) => Code) =>
      sums.map((row, r) => row.map((sum, v) => use(sum, r * width + 16 * v)))

    const oneBand = [
      band.set(plus(y.get, i32.mul(i32.load16(indices.get), i32.const(rows * width)))),
      indices.set(plus(indices.get, 2)),
      forEachSum((sum, offset) => sum.set(v128.load(band.get, offset))),
      left.set(unroll === 1 ? count.get : i32.shr(count.get, i32.const(Math.log2(unroll)))),
      loopWhile(left.get, [tiles(unroll), advance(unroll), left.set(i32.sub(left.get, i32.const(1)))]),
      unroll > 2 ? when(i32.and(count.get, i32.const(2)), [tiles(2), advance(2)]) : [],
      unroll > 1 ? when(i32.and(count.get, i32.const(1)), [tiles(1), advance(1)]) : [],
      forEachSum((sum, offset) => v128.store(band.get, sum.get, offset)),
    ]
    const oneClass = [
      count.set(i32.load16(headers.get)),
      bands.set(i32.load16(headers.get, 2)),
      headers.set(plus(headers.get, 4)),
      repeat(oneBand, bands.tee(i32.sub(bands.get, i32.const(1)))),
      classes.set(i32.sub(classes.get, i32.const(1))),
    ]
    const oneBlock = [
      classes.set(i32.load(headers.get)),
      headers.set(plus(headers.get, 4)),
      loopWhile(classes.get, oneClass),
      x.set(plus(x.get, step.get)),
    ]
    return repeat(oneBlock, blocks.tee(i32.sub(blocks.get, i32.const(1))))
  })
}
