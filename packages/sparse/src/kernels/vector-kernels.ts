import { type Code, type Definition, define, f32, f32x4, i32, type Local, loopWhile, plus, repeat, v128, when } from '@pare/wasm'
import { madd, type Variant, valuesOf } from './values.js'

// Products for one sample: x is f32[inputs] as it stands.

/**
 * y += x · Wᵀ, four rows at a time (`SlicedChunk` has the layout). `slices`: how many, at least 1. Indices are bytes.
 */
export function slicedKernel(name: string, half: boolean, variant: Variant): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32', 'i32'], (writer) => {
    const [x, y, indices, values, slices] = writer.parameters
    const [left, row] = writer.locals('i32', 2)
    const sums = writer.locals('v128', 2)
    const word = writer.local('v128')
    const stored = valuesOf(half, writer)
    const bytes = 4 * stored.bytes
    const gather = (offset: number): Code =>
      [0, 1, 2, 3].reduce<Code>((vector, lane) => {
        const at = plus(x.get, i32.load16(indices.get, offset + 2 * lane))
        return lane === 0 ? v128.load32Zero(at) : v128.load32Lane(at, vector, lane)
      }, [])
    const step = (i: number, sum: Local): Code => [
      word.set(gather(8 * i)),
      sum.set(madd(variant, word.get, stored.four(values.get, bytes * i), sum.get)),
    ]
    return [
      stored.begin,
      repeat(
        [
          sums.map((sum) => sum.set(f32x4.const(0))),
          left.set(i32.load16(indices.get, 8)),
          row.set(indices.get),
          indices.set(plus(indices.get, 10)),
          repeat(
            [step(0, sums[0]), step(1, sums[1]), indices.set(plus(indices.get, 16)), values.set(plus(values.get, 2 * bytes))],
            left.tee(i32.sub(left.get, i32.const(1))),
          ),
          word.set(f32x4.add(sums[0].get, sums[1].get)),
          [0, 1, 2, 3].map((lane) => {
            const at = plus(y.get, i32.shl(i32.load16(row.get, 2 * lane), i32.const(2)))
            return f32.store(at, f32.add(f32.load(at), f32x4.lane(word.get, lane)))
          }),
        ],
        slices.tee(i32.sub(slices.get, i32.const(1))),
      ),
    ]
  })
}

/**
 * For tiles of 4 · n outputs × 1 input or 1 output × 4 · n inputs, in the layout of `panelKernel`. y: f32[rows of the chunk] for the former;
 * for the latter f32[rows, 4], lanes that `sumLanes` sums.
 */
export function tileVectorKernel(
  name: string,
  { rows, columns, half }: { readonly rows: number; readonly columns: number; readonly half: boolean },
  variant: Variant,
): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], (writer) => {
    const [x, y, headers, indices, values, step, blocks] = writer.parameters
    const [classes, count, bands, band, left, at] = writer.locals('i32', 6)
    const vectors = Math.max(rows, columns) / 4
    const tall = rows > 1
    // Two sums for each vector, or a sum would wait for the one before it.
    const sums = [writer.locals('v128', tall ? vectors : 1), writer.locals('v128', tall ? vectors : 1)] as const
    const input = writer.local('v128')
    const stored = valuesOf(half, writer)
    const bytes = stored.bytes * rows * columns
    const bandBytes = tall ? 4 * rows : 16
    const tile = (i: number): Code => {
      const source = plus(x.get, i32.shl(i32.load16(indices.get, 2 * i), i32.const(2)))
      return [
        tall ? input.set(v128.load32Splat(source)) : at.set(source),
        Array.from({ length: vectors }, (_, v) => {
          const sum = sums[i % 2]![tall ? v : 0]!
          const factor = tall ? input.get : v128.load(at.get, 16 * v)
          return sum.set(madd(variant, stored.four(values.get, i * bytes + 4 * v * stored.bytes), factor, sum.get))
        }),
      ]
    }
    const advance = (number: number) => [indices.set(plus(indices.get, 2 * number)), values.set(plus(values.get, bytes * number))]
    const oneBand = [
      band.set(plus(y.get, i32.mul(i32.load16(indices.get), i32.const(bandBytes)))),
      indices.set(plus(indices.get, 2)),
      sums[0].map((sum, v) => sum.set(v128.load(band.get, 16 * v))),
      sums[1].map((sum) => sum.set(f32x4.const(0))),
      left.set(i32.shr(count.get, i32.const(1))),
      loopWhile(left.get, [tile(0), tile(1), advance(2), left.set(i32.sub(left.get, i32.const(1)))]),
      when(i32.and(count.get, i32.const(1)), [tile(0), advance(1)]),
      sums[0].map((sum, v) => v128.store(band.get, f32x4.add(sum.get, sums[1][v]!.get), 16 * v)),
    ]
    return [
      stored.begin,
      repeat(
        [
          classes.set(i32.load(headers.get)),
          headers.set(plus(headers.get, 4)),
          loopWhile(classes.get, [
            count.set(i32.load16(headers.get)),
            bands.set(i32.load16(headers.get, 2)),
            headers.set(plus(headers.get, 4)),
            repeat(oneBand, bands.tee(i32.sub(bands.get, i32.const(1)))),
            classes.set(i32.sub(classes.get, i32.const(1))),
          ]),
          x.set(plus(x.get, step.get)),
        ],
        blocks.tee(i32.sub(blocks.get, i32.const(1))),
      ),
    ]
  })
}

/** y f32[count] += the sums of the lanes of f32[count, 4]. */
export function sumLanesKernel(name: string): Definition {
  return define(name, ['i32', 'i32', 'i32'], (writer) => {
    const [lanes, y, count] = writer.parameters
    const four = writer.local('v128')
    const lane = (i: number) => f32x4.lane(four.get, i)
    return loopWhile(count.get, [
      four.set(v128.load(lanes.get)),
      f32.store(y.get, f32.add(f32.load(y.get), f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3))))),
      lanes.set(plus(lanes.get, 16)),
      y.set(plus(y.get, 4)),
      count.set(i32.sub(count.get, i32.const(1))),
    ])
  })
}
