import { float16ToFloat32, float32ToFloat16 } from '@pare/onnx'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Activation } from '../kernels/activations.js'
import type { TileKind } from '../kernels/modules.js'
import type { ValueKind } from '../kernels/values.js'
import { asCodes, type DenseWeight, packGroups, packRows, packTiles, type SparseTileSize } from '../pack.js'
import { type KernelEngine, openEngine } from './engine.js'
import { kindOf } from './product.js'

const SIZES: readonly SparseTileSize[] = [
  { rows: 1, columns: 1 },
  { rows: 4, columns: 1 },
  { rows: 1, columns: 4 },
  { rows: 2, columns: 1 },
  { rows: 1, columns: 8 },
  { rows: 3, columns: 2 },
  { rows: 8, columns: 1 },
]
const KINDS: readonly TileKind[] = SIZES.flatMap((size) => [
  { ...size, values: 'f32' },
  { ...size, values: 'f16' },
  { ...size, values: 'i8' },
])
const engines = await Promise.all([
  openEngine({ kinds: KINDS, threads: 1 }),
  openEngine({ kinds: KINDS, threads: 1, relaxed: false }),
  openEngine({ kinds: KINDS, threads: 3 }),
])
afterAll(() => Promise.all(engines.map((engine) => engine[Symbol.asyncDispose]())))

interface Case {
  readonly engine: number
  readonly size: SparseTileSize
  readonly values: ValueKind
  readonly out: number
  readonly inputs: number
  readonly samples: number
  readonly sparsity: number
  readonly transposed: boolean
  readonly bias: boolean
  readonly seed: number
}

const cases = fc.record<Case>({
  engine: fc.nat(engines.length - 1),
  size: fc.constantFrom(...SIZES),
  values: fc.constantFrom('f32', 'f16', 'i8'),
  out: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 700 })),
  inputs: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 600 })),
  samples: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 80 })),
  sparsity: fc.constantFrom(0, 0.5, 0.8, 0.9, 0.98, 1),
  transposed: fc.boolean(),
  bias: fc.boolean(),
  seed: fc.nat(),
})

describe('a product', () => {
  it('is the naive product in f64, whatever the shape, format, precision and number of threads', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { weight, x, bias } = arrange(given)
        const y = multiply(engines[given.engine]!, given, { weight, x, bias })
        const { expected, magnitude } = naive(weight, x, given, bias)
        // Rounding of f32 sums: half a unit in the last place for each of up to `inputs` terms at worst, some √inputs in practice.
        for (let i = 0; i < y.length; i++) {
          expect(Math.abs(y[i]! - expected[i]!)).toBeLessThanOrEqual(4e-7 * magnitude[i]! + 1e-30)
        }
      }),
      { numRuns: 120 },
    )
  })

  it('is the same where the samples of an input lie one after another', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { weight, x, bias } = arrange(given)
        const engine = engines[given.engine]!
        const rows = run(engine, { ...given, weight, bias }, x)
        const columns = run(engine, { ...given, weight, bias, columns: true }, transposed(x, given.samples, given.inputs))
        expect(columns).toEqual(transposed(rows, given.samples, given.out))
      }),
      { numRuns: 60 },
    )
  })

  it('skips zeros that are not stored, so that infinite and NaN samples reach only what they are multiplied with', () => {
    // W = [[1, 0, 0], [0, 2, 0]], x = [3, ∞, NaN]: 3 and ∞, where dense arithmetic gives NaN and NaN.
    const weight = { data: Float32Array.of(1, 0, 0, 0, 2, 0), out: 2, in: 3, transposed: false }
    for (const engine of engines)
      for (const samples of [1, 2]) {
        const x = Float32Array.from({ length: 3 * samples }, (_, i) => [3, Number.POSITIVE_INFINITY, Number.NaN][i % 3]!)
        const y = run(engine, { weight, size: SIZES[0]!, values: 'f32', samples }, x)
        expect([...y.subarray(0, 2)]).toEqual([3, Number.POSITIVE_INFINITY])
      }
  })

  it('carries NaN and infinite samples through tiles at the edge', () => {
    const weight = { data: Float32Array.of(1, 1, 1, 1, 1), out: 1, in: 5, transposed: false }
    for (const engine of engines)
      for (const samples of [1, 6]) {
        const x = new Float32Array(5 * samples).fill(2)
        expect([...run(engine, { weight, size: { rows: 1, columns: 4 }, values: 'f32', samples }, x)]).toEqual(
          Array(samples).fill(10),
        )
        x[4] = Number.NaN
        expect(run(engine, { weight, size: { rows: 1, columns: 4 }, values: 'f32', samples }, x)[0]).toBeNaN()
      }
  })

  it('takes more inputs than 16 bits number', () => {
    const inputs = 70_000
    const data = new Float32Array(2 * inputs)
    data[0] = 1
    data[40_000] = 2
    data[69_999] = 3
    data[inputs + 65_536] = 4
    const weight = { data, out: 2, in: inputs, transposed: false }
    for (const size of SIZES.slice(0, 3))
      for (const samples of [1, 5]) {
        const x = Float32Array.from({ length: inputs * samples }, (_, i) => i % inputs)
        const y = run(engines[2]!, { weight, size, values: 'f32', samples }, x)
        // 1·0 + 2·40,000 + 3·69,999 and 4·65,536.
        expect([...y.subarray(0, 2)]).toEqual([289_997, 262_144])
      }
  })

  it('scales codes once all inputs are summed, also where they are more than 16 bits number', () => {
    const inputs = 70_000
    const data = new Float32Array(2 * inputs)
    for (const [at, code] of [
      [0, 1],
      [40_000, 2],
      [69_999, 3],
      [inputs + 65_536, 4],
    ] as const)
      data[at] = Math.fround(code * scaleOf(Math.floor(at / inputs)))
    const weight = { data, out: 2, in: inputs, transposed: false }
    const bias = Float32Array.of(5, 6)
    const x = Float32Array.from({ length: inputs }, (_, i) => i)
    // 0.001 · (1·0 + 2·40,000 + 3·69,999) and 0.002 · 4·65,536.
    for (const size of SIZES.slice(0, 3)) {
      const y = run(engines[2]!, { weight, size, values: 'i8', samples: 1, bias }, x)
      expect(y[0]).toBeCloseTo(294.997, 3)
      expect(y[1]).toBeCloseTo(530.288, 3)
    }
  })

  it('takes two of four inputs as single elements', () => {
    // [1, 0, 2, 0] · [5, 6, 7, 8] = 19
    const weight = { data: Float32Array.of(1, 0, 2, 0), out: 1, in: 4, transposed: false }
    const [engine] = engines
    const product = engine!.load(packGroups(weight, { keep: 2, of: 4 }))
    const [x, y] = [16, 4].map((bytes) => engine!.memory.allocate(bytes, 'values')) as [number, number]
    engine!.memory.floats(x, 4).set([5, 6, 7, 8])
    product.run(x, y, 1)
    expect(engine!.memory.floats(y, 1)[0]).toBe(19)
  })

  it('refuses what 32-bit addresses do not reach, with the sizes', async () => {
    await using engine = await openEngine({ kinds: [], threads: 1 })
    expect(() => engine.memory.allocate(2 ** 32, 'a value')).toThrow(
      /a value takes 4096 MiB.*4096 MiB, as far as they are free, is the most/,
    )
    expect(() => engine.memory.allocate(2 ** 40, 'a weight')).toThrow('1048576 MiB')
  })

  it.each<[Activation, (x: number) => number]>([
    ['relu', (x) => Math.max(x, 0)],
    ['sigmoid', (x) => 1 / (1 + Math.exp(-x))],
    ['tanh', Math.tanh],
    ['silu', (x) => x / (1 + Math.exp(-x))],
    ['quick-gelu', (x) => x / (1 + Math.exp(-1.702 * x))],
    ['gelu', (x) => (x / 2) * (1 + erf(x / Math.SQRT2))],
    ['gelu-tanh', (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
  ])('applies %s within 4e-7 of the larger of x and 1', (activation, of) => {
    // The identity: what comes out is the activation of the samples.
    const weight = { data: Float32Array.of(1), out: 1, in: 1, transposed: false }
    const x = Float32Array.from({ length: 801 }, (_, i) => (i - 400) / 20)
    const [y, one] = [x.length, 1].map((samples) =>
      run(engines[0]!, { weight, size: SIZES[0]!, values: 'f32', samples, activation }, x),
    )
    expect(one![0]).toBeCloseTo(of(-20), 6)
    // Far out nothing is left of it, or all.
    const far = Float32Array.of(-30_000, 30_000)
    const ends = run(engines[0]!, { weight, size: SIZES[0]!, values: 'f32', samples: 2, activation }, far)
    expect([...ends].map((each) => each + 0)).toEqual([...far].map((each) => of(each) + 0))
    for (let i = 0; i < x.length; i++) {
      expect(Math.abs(y![i]! - of(x[i]!)), `${x[i]}`).toBeLessThan(4e-7 * Math.max(1, Math.abs(x[i]!)))
    }
  })
})

/** erf by its Maclaurin series to |x| = 3, beyond by the continued fraction (Abramowitz and Stegun 7.1.6 and 7.1.14). */
function erf(x: number): number {
  if (Math.abs(x) > 3) {
    const z = Math.abs(x)
    let fraction = 0
    for (let k = 60; k > 0; k--) fraction = k / 2 / (z + fraction)
    return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction))
  }
  let [sum, term] = [x, x]
  for (let n = 1; n < 100; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

function arrange({ out, inputs, samples, sparsity, transposed, bias, values, seed }: Case) {
  const next = random(seed)
  const number = () => {
    const value = next() - 0.5
    return values === 'f16' ? float16ToFloat32(float32ToFloat16(Float32Array.of(value)))[0]! : value
  }
  const code = (i: number) => scaleOf(transposed ? i % out : Math.floor(i / inputs)) * (1 + Math.floor(127 * next()))
  const data = Float32Array.from({ length: out * inputs }, (_, i) =>
    next() < sparsity ? 0 : values === 'i8' ? code(i) : number(),
  )
  const weight: DenseWeight = { data, out, in: inputs, transposed }
  return {
    weight,
    x: Float32Array.from({ length: samples * inputs }, () => 2 * next() - 1),
    bias: bias ? Float32Array.from({ length: out }, () => next()) : undefined,
  }
}

/** What the codes of an output are multiplied with. */
const scaleOf = (row: number) => Math.fround((1 + (row % 5)) / 1000)

function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

interface Given {
  readonly weight: DenseWeight
  readonly size: SparseTileSize
  readonly values: ValueKind
  readonly samples: number
  readonly bias?: Float32Array | undefined
  readonly activation?: Activation
  readonly columns?: boolean
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!)
}

function multiply(
  engine: KernelEngine,
  given: Case,
  { weight, x, bias }: { weight: DenseWeight; x: Float32Array; bias: Float32Array | undefined },
): Float32Array {
  return run(engine, { weight, size: given.size, values: given.values, samples: given.samples, bias }, x)
}

function run(
  engine: KernelEngine,
  { weight, size, values, samples, bias, activation, columns }: Given,
  x: Float32Array,
): Float32Array {
  const precision = values === 'f16' ? 'f16' : 'f32'
  const matrix = size.rows * size.columns === 1 ? packRows(weight, precision) : packTiles(weight, size, precision)
  const stored =
    values === 'i8'
      ? asCodes(
          matrix,
          Float32Array.from({ length: weight.out }, (_, row) => scaleOf(row)),
        )
      : matrix
  expect(kindOf(stored)).toEqual({ ...size, values })
  const product = engine.load(stored, { ...(bias && { bias }), ...(activation && { activation }) })
  const { memory } = engine
  const source = memory.allocate(4 * samples * weight.in, 'x')
  memory.floats(source, samples * weight.in).set(x.subarray(0, samples * weight.in))
  const target = memory.allocate(4 * samples * weight.out, 'y')
  memory.bytes(target, 4 * samples * weight.out).fill(0xff)
  product.run(source, target, samples, { samples: columns ? 'columns' : 'rows' })
  return memory.floats(target, samples * weight.out).slice()
}

function naive({ data, out, in: inputs, transposed }: DenseWeight, x: Float32Array, { samples }: Case, bias?: Float32Array) {
  const expected = new Float64Array(samples * out)
  const magnitude = new Float64Array(samples * out)
  for (let m = 0; m < samples; m++)
    for (let o = 0; o < out; o++) {
      let sum = bias?.[o] ?? 0
      let size = Math.abs(sum)
      for (let i = 0; i < inputs; i++) {
        const term = x[m * inputs + i]! * (transposed ? data[i * out + o]! : data[o * inputs + i]!)
        sum += term
        size += Math.abs(term)
      }
      expected[m * out + o] = sum
      magnitude[m * out + o] = size
    }
  return { expected, magnitude }
}
