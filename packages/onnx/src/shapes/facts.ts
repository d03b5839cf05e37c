import { PareError } from '../error.js'
import type { Model } from '../model.js'
import { present } from '../present.js'
import type { InferenceFacts } from './rules/rule.js'
import { type ShapeOptions, type Shapes, shapesOf, symbolsOf } from './shapes.js'
import { allSizes, type Symbols } from './symbols.js'

/** A size of an axis: a number where it is always the same, else a name that tells it from other sizes. */
export type Dim = number | string
export type Dims = readonly Dim[]

/** What is known of the values of a model, whatever the sizes of its inputs. */
export interface ModelFacts {
  /** Shapes at one choice of sizes, the one that tells most. */
  readonly shapes: Shapes['shapes']
  /** Undefined: not known. */
  dims(value: string): Dims | undefined
  isFixed(value: string, axis: number): boolean
  /** Elements of a small value that are always the same. */
  constant(value: string): InferenceFacts | undefined
  /** Whether a value that is filled with one number is 0 wherever it is small enough to be known. */
  isZero(value: string): boolean
  /** Elements of a small value, each undefined where it is not always the same. */
  elements(value: string): readonly (number | undefined)[] | undefined
}

export interface FactOptions {
  /** Sizes of inputs that have no name: 'alike' where they stand at the same place, or all 'apart'. Default: 'alike' */
  readonly unnamed?: 'alike' | 'apart'
  /**
   * Whether sizes that data decide (of what is not 0, of boxes that are left, of what a Loop collects) are made up, so that shapes behind them are known: never
   * fixed, and all of one name. Default: false
   */
  readonly hasCounts?: boolean
}

/**
 * Shapes are inferred for several choices of the sizes that the model leaves open, in pairs that differ in each: what comes out the same at all of them is
 * always the same. Throws PareError where the model contradicts itself at all of them.
 */
export async function factsOf(model: Model, { unnamed = 'alike', hasCounts = false }: FactOptions = {}): Promise<ModelFacts> {
  const pairs = await inferOften(model, { unnamed, hasCounts })
  const samples = pairs.flatMap(({ first, second }) => [first, second])
  const pairOf = (value: string) =>
    pairs.find(({ first, second }) => first.shapes.has(value) && second.shapes.has(value)) ?? pairs[0]!
  const knowing = (value: string) => samples.filter(({ shapes }) => shapes.has(value))
  /** Where only one choice gives a shape at all, as when positions run out, nothing is known to be fixed. */
  const isFixed = (value: string, axis: number) => {
    const [first, ...others] = knowing(value)
    const size = first?.shapes.get(value)?.[axis]
    return others.length > 0 && others.every(({ shapes }) => shapes.get(value)![axis] === size)
  }
  return {
    // A value in one branch may be known from the sizes that fit this branch alone.
    shapes: joined(
      pairs
        .filter(({ scale, branch }, i) => i === 0 || (branch && scale === pairs[0]!.scale))
        .toReversed()
        .map(({ first }) => first.shapes),
    ),
    isFixed,
    dims(value) {
      const { first, second } = pairOf(value)
      const [a, b] = [first.shapes.get(value), second.shapes.get(value)]
      if (a === undefined || a.length !== b?.length) return undefined
      return a.map((size, axis) => (isFixed(value, axis) ? size : `${size}|${b[axis]}`))
    },
    constant(value) {
      const constant = samples.find(({ shapes }) => shapes.has(value))?.values.get(value)
      if (constant === undefined) return undefined
      const [, ...others] = knowing(value)
      return others.length > 0 && others.every(({ values }) => isSame(constant, values.get(value))) ? constant : undefined
    },
    isZero(value) {
      for (const { values } of samples) {
        const numbers = values.get(value)?.numbers ?? []
        if (numbers.length > 0) return numbers.every((number) => number === 0)
      }
      return false
    },
    elements(value) {
      if (!samples.some(({ values }) => values.has(value))) return undefined
      const [first, ...others] = knowing(value).map(({ values }) => values.get(value)?.numbers)
      if (others.length === 0 || others.some((sample) => sample?.length !== first?.length)) return undefined
      return first?.map((number, i) => (others.every((sample) => Object.is(sample![i], number)) ? number : undefined))
    },
  }
}

/** Of what several say of a value the last. */
function joined(all: readonly Shapes['shapes'][]): Shapes['shapes'] {
  if (all.length === 1) return all[0]!
  const shapes = new Map(all[0])
  for (const others of all.slice(1)) for (const [name, shape] of others) shapes.set(name, shape)
  return shapes
}

function isSame(a: InferenceFacts | undefined, b: InferenceFacts | undefined): boolean {
  return a?.numbers.length === b?.numbers.length && (b?.numbers.every((number, i) => Object.is(number, a!.numbers[i])) ?? false)
}

// Primes, so that no product of them is mistaken for another axis; and 32 times as much for networks that halve an image five times and add
// what they have halved to what they have not.
const PRIMES = [
  [3, 7, 11, 13, 17, 19, 23, 29],
  [5, 13, 17, 19, 23, 29, 31, 37],
]
const SCALES = [1, 32]
/** Made-up counts: fewer than limits that models set, such as the best 100. */
const COUNTS = [41, 43]

/**
 * Pairs of choices, those first that tell most: small images shrink to nothing, and long texts run out of positions. With an If, a pair for each branch, and
 * where that tells more, one without any positions of a kind: a branch for the first tokens fits an empty cache only.
 */
async function inferOften(model: Model, { unnamed, hasCounts }: Required<FactOptions>): Promise<readonly Pair[]> {
  const infer = await shapesOf(model)
  const symbols = await symbolsOf(model)
  const pairs: Pair[] = []
  let contradiction: unknown
  const add = (
    scale: number,
    { isTurned = false, ...options }: Pick<ShapeOptions, 'branch'> & { readonly empty?: string; readonly isTurned?: boolean },
  ) => {
    const sizes = (primes: readonly number[]) => {
      const inOrder = isTurned ? [...primes].reverse() : primes
      return sizesOf(model, symbols, { sizes: inOrder.map((prime) => scale * prime), unnamed, ...options })
    }
    try {
      const [first, second] = PRIMES.map((primes, i) =>
        infer({ ...sizes(primes), ...present({ branch: options.branch, counts: hasCounts ? () => COUNTS[i] : undefined }) }),
      )
      pairs.push({ scale: isTurned ? Number.NaN : scale, first: first!, second: second!, branch: options.branch !== undefined })
    } catch (error) {
      if (!(error instanceof PareError)) throw error
      contradiction = error
    }
  }
  const branches = model.graph.nodes.some(({ op }) => op === 'If') ? (['then', 'else'] as const) : [undefined]
  for (const scale of SCALES) for (const branch of branches) add(scale, present({ branch }))
  // Images that are brought to one size come out alike where none is higher than wide.
  if (pairs.length > 0 && model.graph.nodes.some(({ op }) => op === 'Resize' || op === 'Upsample'))
    for (const branch of branches) add(SCALES.at(-1)!, { ...present({ branch }), isTurned: true })
  if (pairs.length === 0) throw contradiction
  pairs.sort((a, b) => coverage(b) - coverage(a))
  if (branches.length > 1) addEmptied()
  return pairs

  function addEmptied(): void {
    const valueNames = new Set(pairs.flatMap(({ first }) => [...first.shapes.keys()]))
    for (const empty of symbols.free) {
      const count = pairs.length
      for (const branch of branches) add(pairs[0]!.scale, { ...present({ branch }), empty })
      for (const pair of pairs.splice(count)) {
        const names = [...pair.first.shapes.keys()]
        if (names.every((name) => valueNames.has(name))) continue
        pairs.push(pair)
        for (const name of names) valueNames.add(name)
      }
    }
  }
}

/** How many values have a shape and elements at both choices, and, where that is equal, how many axes are more than one position. */
function coverage({ first: a, second: b }: Pair): number {
  let [both, axes, long] = [0, 0, 0]
  for (const [name, shape] of a.shapes) {
    if (!b.shapes.has(name) || !shape.every((size) => size > 0)) continue
    both++
    axes += shape.length
    for (const size of shape) if (size > 1) long++
  }
  return both + long / (axes + 1)
}

/** Two choices of sizes that differ in each. */
interface Pair {
  /** NaN: as those of no other pair. */
  readonly scale: number
  /** Whether a branch was chosen. */
  readonly branch: boolean
  readonly first: Shapes
  readonly second: Shapes
}

interface Choice extends Pick<Required<FactOptions>, 'unnamed'> {
  readonly sizes: readonly number[]
  /** A symbol of which there are none. */
  readonly empty?: string
}

function sizesOf({ graph }: Model, symbols: Symbols, { sizes, unnamed, empty }: Choice): ShapeOptions {
  const open = graph.inputs.filter(({ shape }) => shape?.includes(undefined))
  const named = open.map(({ name, shape }) => ({
    name,
    shape: shape!.map((size, axis) => size ?? `\n${unnamed === 'alike' ? axis : `${name}\n${axis}`}`),
  }))
  const places = named.flatMap(({ shape }) => shape.filter((size) => typeof size === 'string' && size.startsWith('\n')))
  const free = [...new Set([...symbols.free, ...(places as string[])])]
  const dims = allSizes(
    symbols,
    Object.fromEntries(free.map((symbol, i) => [symbol, symbol === empty ? 0 : sizes[i % sizes.length]!])),
  )
  const inputs = named.map(({ name, shape }) => [name, shape.map((size) => (typeof size === 'number' ? size : dims[size]!))])
  return { dims, inputs: Object.fromEntries(inputs) as Record<string, number[]> }
}
