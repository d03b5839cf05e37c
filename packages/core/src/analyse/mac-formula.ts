import type { Model } from '@pare/onnx'
import { sizesOf } from './data-counts.js'
import { countMacs, macCount } from './macs.js'
import { type AxisSizes, openAxesOf } from './open-sizes.js'

/** A product of sizes with a factor: coefficient · Π sizeᵖ. */
export interface MacTerm {
  readonly coefficient: number
  /** Powers of sizes, by name. None: a constant. */
  readonly powers: Readonly<Record<string, number>>
}

/** Multiply-accumulates of one sample as a sum of products of the sizes that a model leaves open. */
export interface MacFormula {
  /** The highest powers first. Null where they are no such sum. */
  readonly terms: readonly MacTerm[] | null
  /** Sizes that it holds for are multiples of these: sides of images that halve five times, of 32. Those that are not named may be any. */
  readonly multiplesOf: AxisSizes
  /** Sizes that it holds up to: of boxes that the model takes the best 100 of, 100. Those that are not named may be any. */
  readonly atMost?: AxisSizes
  /** Sizes of images and sequences that it is for, where no formula has them in it. */
  readonly at?: AxisSizes
  /** Why there is none. */
  readonly reason?: string
}

/** Sizes beyond these many would need too many counts. */
const MOST_SIZES = 4
/** A size with a power above 2 has not been met. */
const DEGREE = 2
const STEPS = [1, 2, 4, 8, 16, 32, 64]

/**
 * Finds a polynomial of at most the second degree in each open size, batches left out (1), by counting at a grid of sizes (Newton's divided differences, exact in
 * whole numbers), and holds it against three counts elsewhere. Images that are halved by rounding have one for multiples of a power of 2 only: the smallest is taken
 * at which it holds. What data decide is a size like others, looked at from 1 on. `at`: sizes at which the model can be counted, as `macCount` chose them.
 */
export async function macFormula(model: Model, at: AxisSizes): Promise<MacFormula | undefined> {
  const { images, others } = await openAxesOf(model)
  const whole = await macCount(model, at)
  if (whole.weights === null) return undefined
  const decided = sizesOf(whole.decidedByData, ({ most }) => most)
  const from = { ...at, ...sizesOf(whole.decidedByData, () => 1) }
  const count = async (sizes: AxisSizes) => {
    const macs = await countMacs(model, { ...from, ...sizes })
    return macs === null ? undefined : BigInt(macs)
  }
  const open: string[] = []
  for (const name of [...images, ...others]) if ((await movesBy(name, from, count)) === true) open.push(name)
  const counts = Object.keys(decided)
  if (open.length + counts.length === 0) return undefined
  const formula = await formulaIn([...open, ...counts], { images, from, count })
  if (formula.terms !== null) return { ...formula, ...(await limitsOf(formula, { decided, from, count })) }
  if (counts.length === 0 || open.length === 0) return formula
  // Of what data decide alone.
  const { terms } = await formulaIn(counts, { images, from, count })
  if (terms === null) return formula
  const alone = { terms, multiplesOf: {}, at: Object.fromEntries(open.map((name) => [name, at[name] ?? 1])) }
  return { ...alone, ...(await limitsOf(alone, { decided, from, count })) }
}

type Count = (sizes: AxisSizes) => Promise<bigint | undefined>

interface Search {
  readonly images: readonly string[]
  readonly from: AxisSizes
  readonly count: Count
}

async function formulaIn(moving: readonly string[], { images, from, count }: Search): Promise<MacFormula> {
  if (moving.length > MOST_SIZES)
    return { terms: null, multiplesOf: {}, reason: `they depend on ${moving.length} sizes: ${moving.join(', ')}` }
  for (const step of STEPS) {
    const steps = Object.fromEntries(moving.map((name) => [name, images.includes(name) ? step : 1]))
    const terms = await polynomialAt({ names: moving, steps, at: from, count })
    if (terms !== undefined)
      return { terms, multiplesOf: Object.fromEntries(Object.entries(steps).filter(([, each]) => each > 1)) }
    if (!moving.some((name) => images.includes(name))) break
  }
  return { terms: null, multiplesOf: {}, reason: 'they do not grow as a sum of products of sizes' }
}

/** How far a formula holds for what data decide, each alone, where that is less than the most there can be. By halving. */
async function limitsOf(
  { terms, multiplesOf }: MacFormula,
  { decided, from, count }: Omit<Search, 'images'> & { readonly decided: AxisSizes },
): Promise<Pick<MacFormula, 'atMost'>> {
  const limits: [string, number][] = []
  const whole = Object.entries(multiplesOf).map(([name, step]) => [name, Math.ceil((from[name] ?? 1) / step) * step] as const)
  for (const [name, highest] of Object.entries(decided)) {
    const holdsAt = async (size: number) => {
      const sizes = { ...from, ...Object.fromEntries(whole), [name]: size }
      return (await count(sizes)) === BigInt(Math.round(evaluateMacs(terms ?? [], sizes)))
    }
    if (await holdsAt(highest)) continue
    let [holds, fails] = [1, highest]
    while (fails - holds > 1) {
      const middle = Math.floor((holds + fails) / 2)
      if (await holdsAt(middle)) holds = middle
      else fails = middle
    }
    limits.push([name, holds])
  }
  return limits.length === 0 ? {} : { atMost: Object.fromEntries(limits) }
}

/** Whether the count follows a size. */
async function movesBy(name: string, at: AxisSizes, count: Count): Promise<boolean> {
  const [size, base] = [at[name] ?? 1, await count({})]
  for (const other of [2 * size, size + 64]) {
    const counted = await count({ [name]: other })
    if (counted !== undefined && counted !== base) return true
  }
  return false
}

interface Grid {
  readonly names: readonly string[]
  readonly steps: AxisSizes
  readonly at: AxisSizes
  readonly count: Count
}

/** Undefined where a count is not known, or a polynomial through these counts is not right elsewhere. */
async function polynomialAt({ names, steps, at, count }: Grid): Promise<MacTerm[] | undefined> {
  const starts = Object.fromEntries(
    names.map((name) => [name, Math.max(1, Math.ceil((at[name] ?? 1) / steps[name]!)) * steps[name]!]),
  )
  const sizesAt = (places: readonly number[]) =>
    Object.fromEntries(names.map((name, i) => [name, starts[name]! + places[i]! * steps[name]!]))
  // Along each axis alone, which is cheap, third differences are 0.
  for (const i of names.keys()) {
    const line = [0, 1, 2, 3, 4].map((t) => count(sizesAt(names.map((_, axis) => (axis === i ? t : 0)))))
    const [a, b, c, d, e] = await Promise.all(line)
    if (a === undefined || b === undefined || c === undefined || d === undefined || e === undefined) return undefined
    if (d - 3n * c + 3n * b - a !== 0n || e - 3n * d + 3n * c - b !== 0n) return undefined
  }
  const places = grid(names.length, DEGREE + 1)
  const counts: bigint[] = []
  for (const place of places) {
    const counted = await count(sizesAt(place))
    if (counted === undefined) return undefined
    counts.push(counted)
  }
  const differences = differencesOf(counts, names.length)
  for (const far of [3, 5, 8]) {
    const place = names.map((_, i) => far + 2 * i)
    if ((await count(sizesAt(place))) !== valueAt(differences, places, place)) return undefined
  }
  return termsOf(differences, places, { names, steps, starts })
}

/** All places of a grid of this many axes, the last axis first to move. */
function grid(axes: number, size: number): readonly (readonly number[])[] {
  return Array.from({ length: size ** axes }, (_, flat) =>
    Array.from({ length: axes }, (_, axis) => Math.floor(flat / size ** (axes - 1 - axis)) % size),
  )
}

/** Forward differences along every axis: f(t) = Σ Δᵏ · Π C(tᵢ, kᵢ). */
function differencesOf(counts: readonly bigint[], axes: number): bigint[] {
  const result = [...counts]
  for (let axis = 0; axis < axes; axis++) {
    const stride = (DEGREE + 1) ** (axes - 1 - axis)
    for (let round = 1; round <= DEGREE; round++)
      for (let flat = result.length - 1; flat >= 0; flat--)
        if (Math.floor(flat / stride) % (DEGREE + 1) >= round) result[flat]! -= result[flat - stride]!
  }
  return result
}

function valueAt(differences: readonly bigint[], places: readonly (readonly number[])[], at: readonly number[]): bigint {
  return differences.reduce(
    (sum, each, i) => sum + each * places[i]!.reduce((all, k, axis) => all * choose(at[axis]!, k), 1n),
    0n,
  )
}

const choose = (n: number, k: number) => (k === 0 ? 1n : k === 1 ? BigInt(n) : BigInt((n * (n - 1)) / 2))

interface Scale {
  readonly names: readonly string[]
  readonly steps: AxisSizes
  readonly starts: AxisSizes
}

/** In powers of sizes s, where t = (s − start) / step. Coefficients are kept as whole numbers over one denominator until the end. */
function termsOf(
  differences: readonly bigint[],
  places: readonly (readonly number[])[],
  { names, steps, starts }: Scale,
): MacTerm[] {
  // 2 · step² · C(t, k) as whole coefficients of 1, s and s².
  const scaled = names.map((name) => {
    const [a, h] = [BigInt(starts[name]!), BigInt(steps[name]!)]
    return [
      [2n * h * h, 0n, 0n],
      [-2n * a * h, 2n * h, 0n],
      [a * (a + h), -(2n * a + h), 1n],
    ]
  })
  const denominator = names.reduce((all, name) => all * 2n * BigInt(steps[name]!) ** 2n, 1n)
  const sums = places.map((powers) =>
    differences.reduce(
      (sum, each, i) => sum + each * places[i]!.reduce((all, k, axis) => all * scaled[axis]![k]![powers[axis]!]!, 1n),
      0n,
    ),
  )
  return places
    .map((powers, i) => ({ powers, sum: sums[i]! }))
    .filter(({ sum }) => sum !== 0n)
    .sort((x, y) => total(y.powers) - total(x.powers))
    .map(({ powers, sum }) => ({
      coefficient: Number(sum) / Number(denominator),
      powers: Object.fromEntries(names.flatMap((name, axis) => (powers[axis] === 0 ? [] : [[name, powers[axis]!]]))),
    }))
}

const total = (powers: readonly number[]) => powers.reduce((a, b) => a + b, 0)

/** The count that a formula gives at these sizes. */
export function evaluateMacs(terms: readonly MacTerm[], sizes: AxisSizes): number {
  return terms.reduce(
    (sum, { coefficient, powers }) =>
      sum + Object.entries(powers).reduce((all, [name, power]) => all * (sizes[name] ?? 1) ** power, coefficient),
    0,
  )
}
