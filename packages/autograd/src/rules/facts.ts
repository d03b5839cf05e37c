import {
  allSizes,
  attributesOf,
  type DataType,
  dataTypeOf,
  type Known,
  type Model,
  madeBy,
  PareError,
  type Shapes,
  type Symbols,
  shapesOf,
  symbolsOf,
} from '@pare/onnx'

/** A size of an axis: a number where it is always the same, else a name that tells it from other sizes. */
export type Dim = number | string
export type Dims = readonly Dim[]

/** What is known of the values of a model, whatever the sizes of its inputs. */
export interface Facts {
  /** Undefined: not known. */
  dims(value: string): Dims | undefined
  /** Elements of a small value that are always the same. */
  constant(value: string): Known | undefined
  /** Of inputs and initializers, and bool where a node decides; undefined: not known. */
  type(value: string): DataType | undefined
}

/**
 * Shapes are inferred for two choices of the sizes that the model leaves open, all different primes: what comes out the same both times is always the
 * same. Image networks need larger sizes than the length of a table of positions allows, so several pairs are tried; the one that tells most counts.
 * Throws PareError where the model contradicts itself at all of them.
 */
export async function factsOf(model: Model): Promise<Facts> {
  const infer = await shapesOf(model)
  const symbols = await symbolsOf(model)
  const pairs: (readonly [Shapes, Shapes])[] = []
  let contradiction: unknown
  for (const scale of SCALES) {
    try {
      const at = (shift: number) => infer(sizesOf(model, symbols, (i) => PRIMES[(2 * i + shift) % PRIMES.length]! * scale))
      pairs.push([at(0), at(1)])
    } catch (error) {
      if (!(error instanceof PareError)) throw error
      contradiction = error
    }
  }
  const best = pairs.reduce<readonly [Shapes, Shapes] | undefined>(
    (best, pair) => (best === undefined || known(pair) > known(best) ? pair : best),
    undefined,
  )
  if (best === undefined) throw contradiction
  const types = typesOf(model)
  return {
    dims: (value) => dimsOf(best[0].shapes.get(value), best[1].shapes.get(value)),
    constant: (value) => constantOf(best[0].values.get(value), best[1].values.get(value)),
    type: (value) => types.get(value),
  }
}

function typesOf({ graph }: Model): ReadonlyMap<string, DataType> {
  const types = new Map<string, DataType>()
  for (const { name, type } of [...graph.inputs, ...graph.values, ...graph.initializers])
    if (type !== undefined) types.set(name, type)
  for (const node of graph.nodes) {
    const to = node.op === 'Cast' ? attributesOf(node).int('to') : undefined
    const type = to !== undefined ? dataTypeOf(to) : DECIDES.has(node.op) ? 'bool' : undefined
    // What rearranges values keeps their type.
    const kept = type ?? (KEEPS.has(node.op) ? types.get(node.inputs[0] ?? '') : undefined)
    if (kept !== undefined) for (const name of madeBy(node)) types.set(name, kept)
  }
  return types
}

const DECIDES: ReadonlySet<string> = new Set(
  'Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Xor IsNaN IsInf'.split(' '),
)
const KEEPS: ReadonlySet<string> = new Set(
  'Identity Reshape Unsqueeze Squeeze Transpose Expand Slice Gather Concat Tile Flatten Trilu Pad'.split(' '),
)

const SCALES = [1, 32]
const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53]

type Sizes = { dims: Record<string, number>; inputs: Record<string, readonly number[]> }

function sizesOf({ graph }: Model, symbols: Symbols, size: (i: number) => number): Sizes {
  const dims = allSizes(symbols, Object.fromEntries(symbols.free.map((symbol, i) => [symbol, size(i)])))
  let unnamed = symbols.free.length
  const inputs: Record<string, readonly number[]> = {}
  for (const { name, shape } of graph.inputs) {
    if (shape === undefined) continue
    inputs[name] = shape.map((each) =>
      typeof each === 'number' ? each : each === undefined ? size(unnamed++) : (dims[each] ?? 1),
    )
  }
  return { dims, inputs }
}

function known([a, b]: readonly [Shapes, Shapes]): number {
  return [...a.shapes].filter(([name, shape]) => shape.every((size) => size > 0) && b.shapes.has(name)).length
}

function dimsOf(a: readonly number[] | undefined, b: readonly number[] | undefined): Dims | undefined {
  if (a === undefined || b === undefined || a.length !== b.length) return undefined
  return a.map((size, axis) => (size === b[axis] ? size : `${size}|${b[axis]}`))
}

function constantOf(a: Known | undefined, b: Known | undefined): Known | undefined {
  if (a === undefined || b === undefined || a.numbers.length !== b.numbers.length) return undefined
  return a.numbers.every((number, i) => Object.is(number, b.numbers[i])) ? a : undefined
}
