import { type Code, type Definition, define, f32, f32x4, i32, type Local, plus, repeat, v128, type Writer } from '@pare/wasm'
import { bandShape } from '../layout/streamed.js'
import { type KernelValues, madd, type ValueKind, type Variant, valuesOf } from './values.js'

// Products for one sample: x is f32[inputs] as it stands, with zeros behind.

/** Tiles of which one sample has a kernel, and where x lies: at an address of its own it costs no addition for each entry. */
export interface StreamShape {
  readonly rows: number
  readonly columns: number
  readonly values: ValueKind
  readonly x: number
}

/**
 * y f32[rows of the chunk] += x · Wᵀ for single elements, tiles of 1 output × 4 · n inputs, or 4 · n outputs × 1 input (`WeightStream` has the layout). `bands`: how
 * many, at least 1. Of the last, y may reach past the last row.
 */
export function streamKernel(name: string, shape: StreamShape, variant: Variant): Definition {
  const { headerBytes } = bandShape(shape.rows * shape.columns)
  return define(name, ['i32', 'i32', 'i32'], (writer) => {
    const [y, stream, bands] = writer.parameters
    const [left, header] = writer.locals('i32', 2)
    const stored = valuesOf(shape.values, writer)
    const { sums, step, stepBytes, add } = entriesOf(shape, { variant, writer, stored, stream, header, y })
    return [
      stored.begin,
      repeat(
        [
          sums.map((sum) => sum.set(f32x4.const(0))),
          header.set(stream.get),
          left.set(i32.load16(stream.get, headerBytes === 12 ? 8 : 2)),
          stream.set(plus(stream.get, headerBytes)),
          repeat([step, stream.set(plus(stream.get, stepBytes))], left.tee(i32.sub(left.get, i32.const(1)))),
          add,
        ],
        bands.tee(i32.sub(bands.get, i32.const(1))),
      ),
    ]
  })
}

interface Setting {
  readonly variant: Variant
  readonly writer: Writer
  readonly stored: KernelValues
  readonly stream: Local
  readonly header: Local
  readonly y: Local
}

/** What differs between tiles: the sums of a band, how a step adds to them, and how they are added to y. */
interface Entries {
  readonly sums: readonly Local[]
  readonly step: Code
  readonly stepBytes: number
  readonly add: Code
}

function entriesOf({ rows, columns, x }: StreamShape, setting: Setting): Entries {
  if (rows * columns === 1) return singleEntries(x, setting)
  return rows === 1 ? wideTiles(columns, x, setting) : tallTiles(rows, x, setting)
}

function singleEntries(x: number, { variant, writer, stored, stream, header, y }: Setting): Entries {
  const sums = writer.locals('v128', 2)
  const word = writer.local('v128')
  const at = writer.local('i32')
  const gather = (entry: number): Code =>
    [0, 1, 2, 3].reduce<Code>((vector, lane) => {
      const place = i32.load16(stream.get, 2 * (entry + lane))
      return lane === 0 ? v128.load32Zero(place, x) : v128.load32Lane(place, vector, lane, x)
    }, [])
  return {
    sums,
    step: stored.fours(stream.get, 16, 2, (four, i) => [
      word.set(gather(4 * i)),
      sums[i]!.set(madd(variant, word.get, four, sums[i]!.get)),
    ]),
    stepBytes: 16 + 8 * stored.bytes,
    add: [
      word.set(f32x4.add(sums[0].get, sums[1].get)),
      [0, 1, 2, 3].map((lane) => [
        at.set(plus(y.get, i32.shl(i32.load16(header.get, 2 * lane), i32.const(2)))),
        f32.store(at.get, f32.add(f32.load(at.get), f32x4.lane(word.get, lane))),
      ]),
    ],
  }
}

function wideTiles(columns: number, x: number, { variant, writer, stored, stream, header, y }: Setting): Entries {
  const vectors = columns / 4
  const sums = writer.locals('v128', 4)
  const [word, at] = [writer.local('v128'), writer.local('i32')]
  const place = writer.local('i32')
  const lane = (i: number) => f32x4.lane(word.get, i)
  return {
    sums,
    step: stored.fours(stream.get, 8, 4 * vectors, (four, i) => {
      const [tile, v] = [Math.floor(i / vectors), i % vectors]
      return [
        v === 0 ? place.set(i32.load16(stream.get, 2 * tile)) : [],
        sums[tile]!.set(madd(variant, four, v128.load(place.get, x + 16 * v), sums[tile]!.get)),
      ]
    }),
    stepBytes: 8 + 4 * columns * stored.bytes,
    add: [
      word.set(f32x4.add(f32x4.add(sums[0].get, sums[1].get), f32x4.add(sums[2].get, sums[3].get))),
      at.set(plus(y.get, i32.shl(i32.load16(header.get), i32.const(2)))),
      f32.store(at.get, f32.add(f32.load(at.get), f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3))))),
    ],
  }
}

function tallTiles(rows: number, x: number, { variant, writer, stored, stream, header, y }: Setting): Entries {
  const vectors = rows / 4
  // Two or four sums of each vector, or a sum would wait for the one before it.
  const sets = Array.from({ length: vectors === 1 ? 4 : 2 }, () => writer.locals('v128', vectors))
  const [input, at] = [writer.local('v128'), writer.local('i32')]
  const total = (v: number) => sets.map((set) => set[v]!.get).reduce((sum, each) => f32x4.add(sum, each))
  return {
    sums: sets.flat(),
    step: stored.fours(stream.get, 8, 4 * vectors, (four, i) => {
      const [tile, v] = [Math.floor(i / vectors), i % vectors]
      const sum = sets[tile % sets.length]![v]!
      return [
        v === 0 ? input.set(v128.load32Splat(i32.load16(stream.get, 2 * tile), x)) : [],
        sum.set(madd(variant, four, input.get, sum.get)),
      ]
    }),
    stepBytes: 8 + 4 * rows * stored.bytes,
    add: [
      at.set(plus(y.get, i32.mul(i32.load16(header.get), i32.const(4 * rows)))),
      Array.from({ length: vectors }, (_, v) => v128.store(at.get, f32x4.add(v128.load(at.get, 16 * v), total(v)), 16 * v)),
    ],
  }
}
