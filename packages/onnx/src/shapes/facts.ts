import { PareError } from '../error.js'
import type { Model } from '../model.js'
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
  /** Elements of a small value, each undefined where it is not always the same. */
  elements(value: string): readonly (number | undefined)[] | undefined
}

export interface FactOptions {
  /** Sizes of inputs that have no name: 'alike' where they stand at the same place, or all 'apart'. Default: 'alike' */
  readonly unnamed?: 'alike' | 'apart'
}

/**
 * Shapes are inferred for several choices of the sizes that the model leaves open, in pairs that differ in each: what comes out the same at all of them is
 * always the same. Throws PareError where the model contradicts itself at all of them.
 */
export async function factsOf(model: Model, { unnamed = 'alike' }: FactOptions = {}): Promise<ModelFacts> {
  const [first, ...others] = await inferOften(model, unnamed)
  const [second] = others
  const knowing = (value: string) => others.filter(({ shapes }) => shapes.has(value))
  /** Where only one choice gives a shape at all, as when positions run out, nothing is known to be fixed. */
  const isFixed = (value: string, axis: number) => {
    const size = first!.shapes.get(value)?.[axis]
    const samples = knowing(value)
    return samples.length > 0 && samples.every(({ shapes }) => shapes.get(value)![axis] === size)
  }
  return {
    shapes: first!.shapes,
    isFixed,
    dims(value) {
      const [a, b] = [first!.shapes.get(value), second!.shapes.get(value)]
      if (a === undefined || a.length !== b?.length) return undefined
      return a.map((size, axis) => (isFixed(value, axis) ? size : `${size}|${b[axis]}`))
    },
    constant(value) {
      const constant = first!.values.get(value)
      const samples = knowing(value)
      return samples.length > 0 && samples.every(({ values }) => isSame(constant, values.get(value))) ? constant : undefined
    },
    elements(value) {
      const numbers = first!.values.get(value)?.numbers
      const samples = knowing(value).map(({ values }) => values.get(value)?.numbers)
      if (samples.length === 0 || samples.some((sample) => sample?.length !== numbers?.length)) return undefined
      return numbers?.map((number, i) => (samples.every((sample) => Object.is(sample![i], number)) ? number : undefined))
    },
  }
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

/** Two choices at each scale, those first that tell most: small images shrink to nothing, and long texts run out of positions. */
async function inferOften(model: Model, unnamed: 'alike' | 'apart'): Promise<readonly Shapes[]> {
  const infer = await shapesOf(model)
  const symbols = await symbolsOf(model)
  const pairs: Shapes[][] = []
  let contradiction: unknown
  for (const scale of SCALES) {
    try {
      pairs.push(PRIMES.map((primes) => infer(sizesOf(model, symbols, { sizes: primes.map((prime) => scale * prime), unnamed }))))
    } catch (error) {
      if (!(error instanceof PareError)) throw error
      contradiction = error
    }
  }
  if (pairs.length === 0) throw contradiction
  return pairs.sort((a, b) => coverage(b) - coverage(a)).flat()
}

/** How many values have a shape and elements at both choices, and, where that is equal, how many axes are more than one position. */
function coverage([a, b]: readonly Shapes[]): number {
  const both = [...a!.shapes].filter(([name, shape]) => b!.shapes.has(name) && shape.every((size) => size > 0))
  const axes = both.flatMap(([, shape]) => shape)
  return both.length + axes.filter((size) => size > 1).length / (axes.length + 1)
}

interface Choice extends Required<FactOptions> {
  readonly sizes: readonly number[]
}

function sizesOf({ graph }: Model, symbols: Symbols, { sizes, unnamed }: Choice): ShapeOptions {
  const open = graph.inputs.filter(({ shape }) => shape?.includes(undefined))
  const named = open.map(({ name, shape }) => ({
    name,
    shape: shape!.map((size, axis) => size ?? `\n${unnamed === 'alike' ? axis : `${name}\n${axis}`}`),
  }))
  const places = named.flatMap(({ shape }) => shape.filter((size) => typeof size === 'string' && size.startsWith('\n')))
  const free = [...new Set([...symbols.free, ...(places as string[])])]
  const dims = allSizes(symbols, Object.fromEntries(free.map((symbol, i) => [symbol, sizes[i % sizes.length]!])))
  const inputs = named.map(({ name, shape }) => [name, shape.map((size) => (typeof size === 'number' ? size : dims[size]!))])
  return { dims, inputs: Object.fromEntries(inputs) as Record<string, number[]> }
}
