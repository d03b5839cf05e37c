import { describe, expect, it, test } from 'vitest'
import { trace } from '../backend/trace.js'
import type {
  AnyCriterion,
  Criterion,
  MaskCriterion,
  Solver,
  UnitCriterion,
  UnitGroup,
  Weight,
  WeightProblem,
} from '../contract/contract.js'
import { guardCriterion } from './guard-criterion.js'

const origin = { kind: 'criterion', name: 'near', from: 'pare-criterion-near 1.0.0' }
const guarded = <Kind extends AnyCriterion>(criterion: Kind) => guardCriterion(criterion, origin) as Kind
const FAULT = /^criterion 'near' \(pare-criterion-near 1\.0\.0\): /

const plain: Criterion = { name: 'near', needs: {}, saliency: ({ weight: own }, { abs }) => abs(own) }
/** What a criterion is given. */
const [{ weight }, ops] = (() => {
  const calls: Parameters<Criterion['saliency']>[] = []
  trace({
    ...plain,
    saliency: (...call) => {
      calls.push(call)
      return call[0].weight
    },
  })
  return calls[0]!
})()

test('a plugin that does as it should is as it was, and is guarded once', async () => {
  const own = guarded(plain)
  expect(own.saliency({ weight, stats: {} }, ops)).toEqual(plain.saliency({ weight, stats: {} }, ops))
  expect(guardCriterion(own, origin)).toBe(own)
  class Counted implements MaskCriterion {
    readonly kind = 'mask'
    readonly name = 'counted'
    #asked = 0
    async zeros() {
      this.#asked++
      return Uint8Array.of(this.#asked)
    }
  }
  const counted: MaskCriterion = guarded<MaskCriterion>(new Counted())
  await counted.zeros({ id: 'w' } as Weight)
  expect(await counted.zeros({ id: 'w' } as Weight)).toEqual(Uint8Array.of(2))
})

describe('what a contract does not allow is its fault:', () => {
  it.each<[string, object, RegExp]>([
    ['a kind', { ...plain, kind: 'elements?' }, /its kind is "elements\?"; one of elements, solver, units, mask was expected/],
    ['a scope', { ...plain, scope: 'all' }, /its scope is "all"; one of .*global/],
    ['a member', { ...plain, score: () => {} }, /it has a member 'score'/],
    [
      'a place',
      { ...plain, needs: { a: { at: 'inside', reduce: 'mean' } } },
      /needs\.a\.at is "inside"; one of input, output, gradient/,
    ],
    [
      'a reduction',
      { ...plain, needs: { a: { at: 'input', reduce: 'sum' } } },
      /needs\.a\.reduce is "sum"; one of mean, max, variance, gram/,
    ],
    [
      'a member of a statistic',
      { ...plain, needs: { a: { at: 'input', reduce: 'mean', over: 1 } } },
      /needs\.a has a member 'over'/,
    ],
    ['nothing as a statistic', { ...plain, needs: { a: undefined } }, /needs\.a\.at is undefined/],
  ])('%s', (_, criterion, message) => {
    expect(() => guardCriterion(criterion as AnyCriterion, origin)).toThrow(message)
    expect(() => guardCriterion(criterion as AnyCriterion, origin)).toThrow(FAULT)
  })

  const saliency =
    (own: Criterion['saliency'], needs: Criterion['needs'] = {}) =>
    () =>
      guarded({ ...plain, needs, saliency: own }).saliency({ weight, stats: {} }, ops)

  it.each<[string, () => unknown, RegExp]>([
    ['a number as saliency', saliency((() => 3) as never), /saliency gave 3; a value made by ops/],
    [
      'a statistic that it did not ask for',
      saliency(({ stats }) => (stats as never as { x: never }).x),
      /it asks for stats\.x; one of none, since needs is empty, was expected/,
    ],
    [
      'an operation that there is not',
      saliency((own, all) => (all as never as { cosh(x: unknown): never }).cosh(own)),
      /it asks for ops\.cosh; one of /,
    ],
    [
      'an error',
      saliency(() => {
        throw new TypeError('x is undefined')
      }),
      /saliency threw .*x is undefined/,
    ],
    [
      'what a statistic is of',
      () =>
        guarded<Criterion>({ ...plain, needs: { a: { at: 'input', reduce: 'mean', of: (() => 'x') as never } } }).needs.a!.of!(
          weight,
          ops,
        ),
      /needs\.a\.of gave "x"/,
    ],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message)
    expect(call).toThrow(FAULT)
  })
})

describe('a solver', () => {
  const problem = (own: Partial<WeightProblem> = {}): WeightProblem => ({
    ...{ id: 'w', weight: Float32Array.of(1, 2, 3, 4), rows: 2, columns: 2, stats: { gram: Float64Array.of(1, 0, 0, 1) } },
    ...{ pattern: { kind: 'free' }, zeros: 2, scope: 'tensor' },
    ...own,
  })
  const solve = (own: (given: WeightProblem) => unknown, changes: Partial<WeightProblem> = {}) =>
    guarded({ kind: 'solver', name: 'near', needs: {}, solve: async (given) => own(given) } as Solver).solve(problem(changes))
  const solution = { weight: Float32Array.of(0, 0, 3, 4), notes: [] }

  it('gives what it found', async () => {
    expect(await solve(() => solution)).toBe(solution)
    // Where a pattern or a mask says which, the number of zeros follows.
    const two = { weight: Float32Array.of(0, 2, 0, 4), notes: ['a'] }
    expect(await solve(() => two, { pattern: { kind: 'nm', n: 1, m: 2 }, zeros: 3 } as never)).toBe(two)
    expect(await solve(() => two, { kept: Uint8Array.of(0, 1, 0, 1), zeros: 3 })).toBe(two)
  })

  it.each<[string, (given: WeightProblem) => unknown, Partial<WeightProblem>, RegExp]>([
    ['nothing', () => undefined, {}, /solve gave 'w' undefined; \{ weight: Float32Array, notes: \[\] \} was expected/],
    ['other numbers', () => ({ weight: [0, 0, 1, 1], notes: [] }), {}, /solve gave 'w' \{"weight":\[0,0,1,1\]/],
    ['too few', () => ({ weight: Float32Array.of(0), notes: [] }), {}, /solve gave 'w' 1 weights; 4 was expected/],
    ['NaN', () => ({ weight: Float32Array.of(0, 0, Number.NaN, 1), notes: [] }), {}, /NaN at element 2; a finite number/],
    ['too few zeros', () => ({ weight: Float32Array.of(0, 1, 1, 1), notes: [] }), {}, /1 zeros; at least 2/],
    ['what the mask removes', () => solution, { kept: Uint8Array.of(0, 0, 0, 1) }, /3 at element 2, which its mask removes; 0/],
    ['more than it should', () => ({ ...solution, zeros: 2 }), {}, /what solve gave 'w' has a member 'zeros'/],
    [
      'statistics that it changed',
      ({ stats }) => {
        stats.gram![0] = 5
        return solution
      },
      {},
      /solve changed stats\.gram of 'w'; a copy of it/,
    ],
  ])('that gives %s is told so', async (_, own, changes, message) => {
    await expect(solve(own, changes)).rejects.toThrow(message)
  })
})

describe('a criterion of units', () => {
  const groups = [
    { id: 'a', units: 2 },
    { id: 'b', units: 1 },
  ] as unknown as readonly UnitGroup[]
  const score = (value: unknown) =>
    guarded({ kind: 'units', name: 'near', score: async () => value } as never as UnitCriterion).score(groups, {} as never)

  it('gives numbers for each group', async () => {
    const own = [Float64Array.of(1, -Infinity), Float64Array.of(0)]
    expect(await score(own)).toBe(own)
  })

  it.each<[string, unknown, RegExp]>([
    ['nothing', null, /score gave null; a Float64Array for each of 2 groups/],
    ['too few groups', [Float64Array.of(1, 2)], /score gave scores for 1 groups/],
    ['a list', [[1, 2], [3]], /score gave 'a' \[1,2\]; 2 numbers in a Float64Array, one for each unit, was expected/],
    ['halves', [Float64Array.of(1, 2), new Float32Array(1)], /score gave 'b' a Float32Array/],
    ['too many', [Float64Array.of(1, 2), Float64Array.of(1, 2)], /score gave 'b' 2 numbers/],
    ['NaN', [Float64Array.of(1, Number.NaN), Float64Array.of(1)], /score gave unit 1 of 'a' NaN; a number/],
  ])('that gives %s is told so', async (_, value, message) => {
    await expect(score(value)).rejects.toThrow(message)
  })
})

describe('a mask', () => {
  const zeros = (value: unknown) =>
    guarded({ kind: 'mask', name: 'near', zeros: async () => value } as never as MaskCriterion).zeros({ id: 'w' } as Weight)

  it('is bits, or nothing', async () => {
    expect(await zeros(Uint8Array.of(3))).toEqual(Uint8Array.of(3))
    expect(await zeros(undefined)).toBeUndefined()
    await expect(zeros([1])).rejects.toThrow(/zeros gave 'w' \[1\]; a Uint8Array of bits, or undefined, was expected/)
    await expect(zeros(() => 1)).rejects.toThrow(/zeros gave 'w' a function/)
    await expect(zeros('x'.repeat(99))).rejects.toThrow(/zeros gave 'w' "x{58}…;/)
  })
})
