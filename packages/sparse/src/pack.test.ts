import { describe, expect, it } from 'vitest'
import { asHalves, chooseFormat, packGroups, packRows, packTiles, rowsOfGroups, widened } from './pack.js'

// W[2, 6], and the same stored as [in, out].
const rows = [
  [1, 0, 0, 2, 0, 0],
  [0, 0, 3, 4, 5, 0],
]
const plain = { data: Float32Array.from(rows.flat()), out: 2, in: 6, transposed: false }
const transposed = {
  ...plain,
  data: Float32Array.from([0, 1, 2, 3, 4, 5].flatMap((i) => rows.map((row) => row[i]!))),
  transposed: true,
}

describe('packing', () => {
  it.each([plain, transposed])('rows keeps what is not zero, in the order of columns', (weight) => {
    const { starts, columns, values } = packRows(weight)
    expect([[...starts], [...columns], [...values]]).toEqual([
      [0, 2, 5],
      [0, 3, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ])
  })

  it.each([plain, transposed])('tiles keeps whole tiles, those at the edge filled with zeros', (weight) => {
    const wide = packTiles(weight, { rows: 1, columns: 4 })
    expect([[...wide.starts], [...wide.columns], [...wide.values]]).toEqual([
      [0, 1, 3],
      [0, 0, 1],
      [1, 0, 0, 2, 0, 0, 3, 4, 5, 0, 0, 0],
    ])
    const tall = packTiles(weight, { rows: 4, columns: 1 })
    expect([[...tall.starts], [...tall.columns]]).toEqual([
      [0, 4],
      [0, 2, 3, 4],
    ])
    expect([...tall.values]).toEqual([1, 0, 0, 0, 0, 3, 0, 0, 2, 4, 0, 0, 0, 5, 0, 0])
  })

  it.each([plain, transposed])('groups has the same number of entries for each, and gives rows back', (weight) => {
    const groups = packGroups(weight, { keep: 2, of: 3 })
    // Positions 0 1 | 0 1 of row 0, 0 2 | 0 1 of row 1: the lowest free ones fill up.
    expect([...groups.positions]).toEqual([0x10_20_10_10])
    expect([...groups.values]).toEqual([1, 0, 2, 0, 0, 3, 4, 5])
    expect(rowsOfGroups(groups)).toEqual(packRows(weight))
  })

  it('groups refuses what has too many, with the place', () => {
    expect(() => packGroups(plain, { keep: 1, of: 3 })).toThrow('row 1 has more than 1 non-zeros in inputs 3 to 5')
    expect(() => packGroups(plain, { keep: 1, of: 32 })).toThrow(RangeError)
  })

  it('halves are rounded to the nearest', () => {
    // 1 + 2⁻¹¹ lies between 1 and 1 + 2⁻¹⁰, and goes to the even one.
    const weight = { data: Float32Array.of(1 + 2 ** -11, -2), out: 1, in: 2, transposed: false }
    expect([...packRows(weight, 'f16').values]).toEqual([0x3c00, 0xc000])
  })

  it('has halves where all values are finite ones, and gives them back', () => {
    const of = (...values: number[]) =>
      packRows({ data: Float32Array.from(values), out: 1, in: values.length, transposed: false })
    // 65504 is the largest half, 2⁻²⁴ the smallest.
    const halves = asHalves(of(1, -65504, 2 ** -24))
    expect([...halves.values]).toEqual([0x3c00, 0xfbff, 1])
    expect(widened(halves)).toEqual(of(1, -65504, 2 ** -24))
    for (const other of [65536, 2 ** -25, 1 + 2 ** -11, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(asHalves(of(1, other))).toEqual(of(1, other))
    }
  })

  it('keeps NaN, and is empty where all is zero', () => {
    const weight = { data: Float32Array.of(Number.NaN, 0), out: 1, in: 2, transposed: false }
    expect([...packRows(weight).values]).toEqual([Number.NaN])
    const nothing = { ...weight, data: new Float32Array(2) }
    expect([packRows(nothing).values.length, packTiles(nothing, { rows: 4, columns: 1 }).values.length]).toEqual([0, 0])
    expect(chooseFormat(nothing).kind).toBe('rows')
  })

  it('chooses tiles where the zeros lie in such', () => {
    const size = 32
    const made = (kept: (row: number, column: number) => boolean) => ({
      data: Float32Array.from({ length: size * size }, (_, i) => (kept(Math.floor(i / size), i % size) ? 1 + i : 0)),
      out: size,
      in: size,
      transposed: false,
    })
    const scattered = (a: number, b: number) => (a * 7 + b * 13) % 5 === 0
    expect(chooseFormat(made((o, i) => scattered(o, i >> 2)))).toMatchObject({ kind: 'tiles', tileRows: 1, tileColumns: 4 })
    expect(chooseFormat(made((o, i) => scattered(o >> 2, i)))).toMatchObject({ kind: 'tiles', tileRows: 4, tileColumns: 1 })
    expect(chooseFormat(made(scattered)).kind).toBe('rows')
  })
})
