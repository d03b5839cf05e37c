import { madeBy, readBy } from '../graph/uses.js'
import type { Graph, Model, Node } from '../model.js'
import { parseSize, type SizeExpression, sizeOf, symbolsIn } from './size-expression.js'

/** The sizes that the inputs of a model leave open, by the names that it gives them. */
export interface Symbols {
  /** Those that may be chosen, also where they occur within others only: 'a' of 'a + 1'. */
  readonly free: readonly string[]
  /** Those that follow from others: 'total_sequence_length' from 'past_sequence_length' and 'sequence_length'. */
  readonly tied: ReadonlyMap<string, SizeExpression>
}

/** Sizes of all symbols, those that follow included, unless they are given themselves. A symbol that nothing tells is left out. */
export function allSizes({ tied }: Symbols, inputs: Readonly<Record<string, number>>): Record<string, number> {
  const sizes = { ...inputs }
  for (const [symbol, expression] of tied) {
    if (symbol in sizes) continue
    const size = sizeOf(expression, (name) => sizes[name])
    if (size !== undefined) sizes[symbol] = size
  }
  return sizes
}

/** Shapes of the values in the main graph, and others, for sizes of symbols. */
export type Infer = (sizes: Readonly<Record<string, number>>) => ReadonlyMap<string, readonly number[]>

/**
 * Which sizes follow from others, by evidence. A name that is written as a sum or product is one, unless that contradicts the graph: exporters call the tokens of a
 * cache and the new ones 'past_sequence_length + 1', also where there are more new ones than one. Where shapes contradict each other, a symbol is another one, or the sum
 * of two, if more of the shapes can be told then. A mask over tokens covers those of the cache and the new ones unless something speaks against it.
 */
export function tieSymbols({ graph }: Model, infer: Infer): Symbols {
  const own = symbolsOfInputs(graph)
  const expressions = new Map(own.flatMap(writtenAs))
  const all = [...new Set([...own, ...[...expressions.values()].flatMap(symbolsIn)])]
  const search = new Search(graph, infer, all)
  let tied: Tied = expressions
  const covered = coveredByMasks(graph)
  const isSure = all.length < 2 || (covered.size === 0 && !search.isStuck(tied))
  if (isSure) return { free: all.filter((symbol) => !tied.has(symbol)), tied }
  let best = search.judge(tied)
  for (const symbol of inOrder(own, { expressions, covered })) {
    const cover = covered.get(symbol)
    if (!best.stuck && cover === undefined) continue
    if ([...tied].some(([other, expression]) => other !== symbol && symbolsIn(expression).includes(symbol))) continue
    const without = new Map([...tied].filter(([other]) => other !== symbol))
    const free = all.filter((other) => other !== symbol && !without.has(other))
    const others = !best.stuck ? [] : [undefined, ...free, ...sumsOf(free)]
    for (const candidate of [...(cover === undefined ? [] : [cover]), ...others]) {
      if (candidate !== undefined && !symbolsIn(candidate).every((name) => free.includes(name))) continue
      const next = candidate === undefined ? without : new Map([...without, [symbol, candidate]])
      const judged = search.judge(next)
      const isCover = candidate !== undefined && candidate === cover
      if (isCover ? judged.coverage < best.coverage : judged.coverage <= best.coverage) continue
      tied = next
      best = judged
    }
  }
  return { free: all.filter((symbol) => !tied.has(symbol)), tied }
}

type Tied = ReadonlyMap<string, SizeExpression>

function symbolsOfInputs({ inputs, initializers }: Graph): string[] {
  const stored = new Set(initializers.map(({ name }) => name))
  const shapes = inputs.filter(({ name }) => !stored.has(name)).flatMap(({ shape = [] }) => shape)
  return [...new Set(shapes.filter((size) => typeof size === 'string'))]
}

/** A name that is an expression of other names, and gives a size whatever theirs are. */
function writtenAs(symbol: string): [string, SizeExpression][] {
  const expression = parseSize(symbol)
  if (expression === undefined || typeof expression === 'string' || symbolsIn(expression).length === 0) return []
  return sizeOf(expression, () => PRIMES[0]) === undefined ? [] : [[symbol, expression]]
}

/** What is written as an expression, then masks, then the others. */
function inOrder(
  all: readonly string[],
  { expressions, covered }: { readonly expressions: Tied; readonly covered: Tied },
): readonly string[] {
  const rank = (symbol: string) => (expressions.has(symbol) ? 0 : covered.has(symbol) ? 1 : 2)
  return [...all].sort((a, b) => rank(a) - rank(b))
}

function sumsOf(names: readonly string[]): SizeExpression[] {
  return names.flatMap((left, i) => names.slice(i + 1).map((right) => ({ op: '+', left, right }) as const))
}

/** Symbols that stand on masks only, beside a cache of tokens and new tokens: their sum. */
function coveredByMasks({ inputs }: Graph): Tied {
  const on = (matches: (name: string, rank: number) => boolean, axis: number) =>
    [
      ...new Set(
        inputs.flatMap(({ name, shape }) => (shape !== undefined && matches(name, shape.length) ? [shape.at(axis)] : [])),
      ),
    ].filter((size) => typeof size === 'string')
  const isMask = (name: string, rank: number) => /mask/i.test(name) && rank > 1
  const past = on((name, rank) => /past|cache/i.test(name) && rank >= 4, -2)
  const tokens = on((name, rank) => /(^|_)(input_ids|inputs_embeds)$/.test(name) && rank > 1, 1)
  if (past.length !== 1 || tokens.length !== 1) return new Map()
  const elsewhere = new Set(inputs.flatMap(({ name, shape = [] }) => (isMask(name, shape.length) ? shape.slice(0, 1) : shape)))
  const sum = { op: '+', left: past[0]!, right: tokens[0]! } as const
  return new Map(on(isMask, -1).flatMap((symbol) => (elsewhere.has(symbol) ? [] : [[symbol, sum]])))
}

interface Judged {
  /** How many values have a shape. */
  readonly coverage: number
  /** Whether shapes contradict each other, at all sizes that are tried. */
  readonly stuck: boolean
}

/** Small ones and large ones: small images shrink to nothing, and long texts run out of positions. */
const SCALES = [1, 32]
/** So that no sum of two is mistaken for another size. */
const PRIMES = [5, 11, 23, 47, 97, 197, 397, 797]
/** Judgements beyond which a model is taken as it is written. */
const MOST = 200

class Search {
  #left = MOST

  constructor(
    private readonly graph: Graph,
    private readonly infer: Infer,
    private readonly all: readonly string[],
  ) {}

  judge(tied: Tied): Judged {
    if (this.#left-- <= 0) return { coverage: -1, stuck: true }
    const tried = SCALES.map((scale) => this.#shapes(tied, scale))
    const stuck = tried.every((shapes) => this.graph.nodes.some((node) => contradicts(node, shapes)))
    return { coverage: tried.reduce((sum, { size }) => sum + size, 0), stuck }
  }

  isStuck(tied: Tied): boolean {
    return SCALES.every((scale) => {
      const shapes = this.#shapes(tied, scale)
      return this.graph.nodes.some((node) => contradicts(node, shapes))
    })
  }

  #shapes(tied: Tied, scale: number): ReadonlyMap<string, readonly number[]> {
    const free = this.all.filter((symbol) => !tied.has(symbol))
    const sizes = Object.fromEntries(free.map((symbol, i) => [symbol, scale * PRIMES[i % PRIMES.length]!]))
    return this.infer(allSizes({ free, tied }, sizes))
  }
}

/** Operators whose inputs have to fit together, whatever is in them. */
const COMBINES = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Max', 'Min', 'Mean', 'Sum', 'PRelu', 'Where', 'And', 'Or', 'Xor'],
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'MatMul', 'Gemm', 'Einsum', 'Concat'],
])

function contradicts(node: Node, shapes: ReadonlyMap<string, readonly number[]>): boolean {
  const hasShape = (name: string) => shapes.has(name)
  return node.domain === '' && COMBINES.has(node.op) && readBy(node).every(hasShape) && !madeBy(node).every(hasShape)
}
