import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { inTurn, OF_SESSION } from './measure.js'
import { float, models, pruned, prunedBytes } from './pruned.test.support.js'
import { SparseSession } from './sparse-session.js'

// What decides is time, which a test must not measure: both ways are run, and the times are given.
vi.mock('./measure.js', async (original) => {
  const actual = await original<typeof import('./measure.js')>()
  return { ...actual, inTurn: vi.fn(actual.inTurn) }
})

interface Given {
  /** How many times as fast each layer's product is, in the order of their first use. */
  readonly layers: readonly number[]
  /** How many times as fast the whole is with all of these products, then with fewer. */
  readonly sessions: readonly number[]
}

function measured({ layers, sessions }: Given): void {
  const left = { layers: [...layers], sessions: [...sessions] }
  vi.mocked(inTurn).mockImplementation(async (first, second, effort) => {
    await first()
    await second()
    const ratio = (effort === OF_SESSION ? left.sessions : left.layers).shift()!
    return { first: 10, second: 10 / ratio, fastest: [1, 1 / ratio], ratio, wins: ratio > 1 ? 1 : 0 }
  })
}

const some = (length: number) => Float32Array.from({ length }, (_, i) => Math.cos(i * 3.1))
const source = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 64] x) => (float[N, 32] y) <float[64, 64] v, float[64, 32] w> {
  a = MatMul(x, v) s = Softmax(a) y = MatMul(s, w)
}`
const twoProducts = await modelBytes(await pruned(parseText(source, { v: some(64 * 64), w: some(64 * 32) }), 0.9))

beforeEach(() => void vi.mocked(inTurn).mockReset())

describe('the planner', () => {
  const create = (more = {}) =>
    SparseSession.create(twoProducts, { ort, threads: 1, fewestElements: 0, samples: [{ x: float([4, 64]) }], ...more })

  it('runs products sparse that pay', async () => {
    measured({ layers: [3, 2], sessions: [2] })
    await using session = await create()
    expect(session.plan).toMatchObject({
      ...{ kind: 'sparse', shapes: 'x 4×64', reason: '2.00× as fast as dense, and faster in 100 % of the runs.' },
      ...{ denseMs: 10, sparseMs: 5, layers: [{ chosen: 'sparse' }, { chosen: 'sparse' }] },
    })
  })

  it('keeps what it found, by machine and model', async () => {
    measured({ layers: [3, 2], sessions: [2] })
    const folder = await mkdtemp(join(tmpdir(), 'pare-sparse-'))
    try {
      await using session = await create({ cache: folder })
      const [file] = await readdir(folder)
      expect(JSON.parse(await readFile(join(folder, file!), 'utf8'))).toEqual([session.plan])
      // No times are left: it would fail if it measured again.
      await using again = await create({ cache: folder })
      expect(again.plan).toEqual(session.plan)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('stays dense where no product pays', async () => {
    measured({ layers: [0.9, 0.5], sessions: [] })
    await using session = await create()
    expect(session.plan).toMatchObject({ kind: 'dense', reason: 'no product is faster sparse than dense.' })
    expect(session.plan.layers.every(({ chosen }) => chosen === 'dense')).toBe(true)
  })

  it('says how many zeros would pay where it stays dense and is asked', async () => {
    // Both products; then the first with 50 and 60 % zeros in any place, and from 50 to 95 % in tiles.
    measured({ layers: [0.9, 0.5, 1.05, 1.25, 1, 1, 1, 1, 1, 1], sessions: [] })
    await using session = await create({ outlook: true })
    const size = { in: 64, out: 64, samples: 4 }
    expect(session.plan).toMatchObject({
      kind: 'dense',
      outlook: [
        { ...size, format: 'rows', sparsity: 0.6, speedup: 1.25 },
        { ...size, format: 'tiles 4×1' },
      ],
    })
    expect(session.plan.outlook![1]).not.toHaveProperty('sparsity')
  })

  it('stays dense where handing over costs more than products gain', async () => {
    measured({ layers: [3, 2], sessions: [0.8, 0.8] })
    await using session = await create()
    expect(session.plan).toMatchObject({
      kind: 'dense',
      reason: expect.stringContaining('costs more than the products gain: at best 0.80×'),
    })
  })

  it('stays dense where the whole is faster by no more than runs differ', async () => {
    measured({ layers: [3, 2], sessions: [1.02, 1.02] })
    await using session = await create()
    expect(session.plan).toMatchObject({ kind: 'dense', reason: expect.stringContaining('leaves too little') })
  })

  it('gives back the product that gains least where that pays', async () => {
    // Products gain 0.5 and 0.05 ms, and the whole loses 0.1: handing over costs 0.33 ms for each.
    measured({ layers: [2, 1 / 0.95], sessions: [1 / 1.01, 1.3] })
    await using session = await create()
    expect(session.plan.kind).toBe('sparse')
    expect(session.plan.layers.map(({ chosen }) => chosen)).toEqual(['sparse', 'dense'])
  })

  it('says why a model without sparse weights is dense', async () => {
    await using session = await SparseSession.create(`${models}mlp-digits.onnx`, { ort })
    expect(session.plan).toMatchObject({ kind: 'dense', reason: expect.stringContaining('50 % zeros') })
    expect(Object.keys(await session.run({ input: float([1, 64]) }))).toEqual([...session.outputNames])
  })

  it('stays dense where the parts could not hand over what they make, and says so', async () => {
    const source = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 32] x) => (float[N, 32] y) <float[32, 32] w>
      { s = SequenceConstruct(x) a = MatMul(x, w) i = Shape(a) l = Size(i) two = Constant <value = int64 {2}> () k = Sub(l, two) e = SequenceAt(s, k) y = Add(e, a) }`
    const bytes = await modelBytes(await pruned(parseText(source, { w: some(1024) }), 0.9))
    await using session = await SparseSession.create(bytes, { ort, fewestElements: 0 })
    expect((await session.run({ x: float([2, 32]) })).y!.dims).toEqual([2, 32])
    expect(session.plan).toMatchObject({ kind: 'dense', reason: expect.stringContaining("'s' is no tensor") })
  })

  it('plans for each size of inputs', async () => {
    const { inTurn: actual } = await vi.importActual<typeof import('./measure.js')>('./measure.js')
    vi.mocked(inTurn).mockImplementation(actual)
    const bytes = await prunedBytes(`${models}mlp-digits.onnx`, 0.9)
    await using session = await SparseSession.create(bytes, { ort, fewestElements: 0 })
    for (const n of [1, 2, 3, 4]) await session.run({ input: float([n, 64]) })
    expect(session.plans.map(({ shapes }) => shapes)).toEqual(['input 1×64', 'input 2×64', 'input 4×64'])
  })
})

it('two ways are timed in turn', async () => {
  const { inTurn: actual } = await vi.importActual<typeof import('./measure.js')>('./measure.js')
  const order: string[] = []
  const both = await actual(
    () => void order.push('a'),
    () => void order.push('b'),
    { warmUp: 1, fewest: 3, most: 3, milliseconds: 0 },
  )
  expect(order.join('')).toBe('baabbaab')
  expect(both.wins).toBeGreaterThanOrEqual(0)
  expect(both.wins).toBeLessThanOrEqual(1)
})
