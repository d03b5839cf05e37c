import { type RandomStream, uniform } from '../backend/random.js'

/** Saliencies of what sums over some units, column by column: f32[units × rows]. */
export interface Columns {
  readonly values: Float32Array
  readonly units: number
  readonly rows: number
}

export interface PermutationSearchOptions {
  readonly n: number
  readonly m: number
  /** Pairs of units whose exchange is tried, at most. */
  readonly tries: number
  readonly stream: RandomStream
  /** Called now and then; true ends the search. */
  timeUp(): boolean
}

export interface UnitOrder {
  /** Unit order[i] comes to place i. */
  readonly order: Int32Array
  /** Saliency kept in the order that was found, no less than in the first one. */
  readonly kept: number
  readonly ended: 'settled' | 'tries' | 'time'
}

/**
 * An order of units in which n of each m, chosen row by row, keep as much saliency as can be found by exchanging units of two blocks: of each pair of
 * blocks the best exchange is made while there is one (a greedy form of the search of Pool & Yu 2021, "Channel Permutations for N:M Sparsity"). When none
 * is left, a few units are exchanged at random, and the search goes on from there as long as tries are left; the best order is kept.
 * Each try costs 2 · rows operations.
 */
export function searchOrder(columns: Columns, options: PermutationSearchOptions): UnitOrder {
  const random = randomIndex(options.stream)
  const state = startOf(columns, options)
  let best = { order: state.order.slice(), kept: state.total() }
  let tries = 0
  let ended: UnitOrder['ended'] = 'settled'
  for (let escapes = 0; escapes <= ESCAPES; escapes++) {
    if (escapes > 0) {
      state.restore(best.order)
      for (let i = 0; i < SHAKEN; i++) state.exchange(random(columns.units), random(columns.units))
    }
    const descent = descend(state, { ...options, tries: options.tries - tries }, random)
    tries += descent.tries
    ended = descent.ended
    const kept = state.total()
    if (kept > best.kept) best = { order: state.order.slice(), kept }
    if (ended !== 'settled') break
  }
  return { ...best, ended }
}

/** Times that a settled order is shaken. */
const ESCAPES = 8
/** Exchanges at random of each. */
const SHAKEN = 4

/** Exchanges units until no pair of blocks has an exchange that gains. */
function descend(state: State, { tries: limit, timeUp }: PermutationSearchOptions, random: (n: number) => number) {
  let tries = 0
  for (let gained = true; gained; ) {
    gained = false
    const blocks = shuffled(state.blocks, random)
    for (let a = 0; a < blocks.length; a++) {
      if (timeUp()) return { tries, ended: 'time' as const }
      for (let b = 0; b < a; b++) {
        const pairs = state.size(blocks[a]!) * state.size(blocks[b]!)
        if (tries + pairs > limit) return { tries, ended: 'tries' as const }
        tries += pairs
        if (state.improve(blocks[a]!, blocks[b]!)) gained = true
      }
    }
  }
  return { tries, ended: 'settled' as const }
}

interface State {
  readonly order: Int32Array
  readonly blocks: number
  size(block: number): number
  /** Makes the best exchange between two blocks, if one gains. */
  improve(a: number, b: number): boolean
  exchange(i: number, j: number): void
  restore(order: Int32Array): void
  total(): number
}

/** The units in their first order, with the exchanges that change it. */
function startOf(columns: Columns, { n, m }: PermutationSearchOptions): State {
  const { units } = columns
  const order = Int32Array.from({ length: units }, (_, i) => i)
  const sizes = Int32Array.from({ length: Math.ceil(units / m) }, (_, b) => Math.min(m, units - b * m))
  const { kept, refresh, keptWith } = yieldsOf(columns, { n, m, order, sizes })
  const total = () => kept.reduce((sum, each) => sum + each, 0)
  return { order, blocks: sizes.length, size: (block) => sizes[block]!, improve, exchange, restore, total }

  function improve(a: number, b: number): boolean {
    const before = kept[a]! + kept[b]!
    let best = before + Math.abs(before) * 1e-9
    let at: readonly [number, number] | undefined
    for (let i = a * m; i < a * m + sizes[a]!; i++) {
      for (let j = b * m; j < b * m + sizes[b]!; j++) {
        const after = keptWith(order[i]!, order[j]!) + keptWith(order[j]!, order[i]!)
        if (after > best) {
          best = after
          at = [i, j]
        }
      }
    }
    if (at === undefined) return false
    exchange(...at)
    return true
  }

  function exchange(i: number, j: number): void {
    const unit = order[i]!
    order[i] = order[j]!
    order[j] = unit
    refresh(Math.floor(i / m))
    refresh(Math.floor(j / m))
  }

  function restore(to: Int32Array): void {
    for (let b = 0; b < sizes.length; b++) {
      const same = to.subarray(b * m, b * m + sizes[b]!).every((unit, i) => unit === order[b * m + i])
      if (same) continue
      order.set(to.subarray(b * m, b * m + sizes[b]!), b * m)
      refresh(b)
    }
  }
}

/** What blocks keep of their units' saliency. */
interface Yields {
  /** Of each block, as the order was when it was last refreshed. */
  readonly kept: Float64Array
  /** Reckons a block anew after its units have changed. */
  refresh(block: number): void
  /** What the block of unit `left` keeps once `newcomer` stands in its place. */
  keptWith(left: number, newcomer: number): number
}

interface Blocks {
  readonly n: number
  readonly m: number
  /** Block b holds units order[b · m] and on. */
  readonly order: Int32Array
  /** Units of each block. */
  readonly sizes: Int32Array
}

/**
 * What a block keeps of a row once unit i left it and x came is base + max(threshold, x): the sum of the n − 1 largest of those that stayed, and the
 * n-th. So bases are summed over rows once, thresholds are kept for each unit, and trying an exchange is one pass over two columns each way.
 */
function yieldsOf({ values, units, rows }: Columns, { n, m, order, sizes }: Blocks): Yields {
  const bases = new Float64Array(units)
  const thresholds = new Float32Array(units * rows)
  const kept = new Float64Array(sizes.length)
  const sorted = new Float64Array(m)
  for (let b = 0; b < sizes.length; b++) refresh(b)
  return { kept, refresh, keptWith }

  /**
   * Bases and thresholds of the units of a block, and what it keeps. Of a row with the n largest x₁ ≥ … ≥ xₙ, one of these leaves the sum of the others
   * and makes room down to xₙ₊₁; any other leaves x₁ + … + xₙ₋₁, and xₙ.
   */
  function refresh(block: number): void {
    const count = sizes[block]!
    const stay = Math.ceil((count * n) / m)
    const first = block * m
    kept[block] = 0
    for (let i = first; i < first + count; i++) bases[order[i]!] = 0
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < count; i++) insert(sorted, i, values[order[first + i]! * rows + row]!)
      let top = 0
      for (let i = 0; i < stay; i++) top += sorted[i]!
      const last = sorted[stay - 1]!
      const next = stay < count ? sorted[stay]! : -Infinity
      kept[block]! += top
      for (let i = first; i < first + count; i++) {
        const unit = order[i]!
        const value = values[unit * rows + row]!
        bases[unit]! += top - (value >= last ? value : last)
        thresholds[unit * rows + row] = value >= last ? next : last
      }
    }
  }

  function keptWith(left: number, newcomer: number): number {
    let sum = bases[left]!
    const [t, x] = [left * rows, newcomer * rows]
    for (let row = 0; row < rows; row++) {
      const threshold = thresholds[t + row]!
      const value = values[x + row]!
      sum += value > threshold ? value : threshold
    }
    return sum
  }
}

/** Puts x among the first `count` numbers of a list that falls. */
function insert(list: Float64Array, count: number, x: number): void {
  let at = count
  for (; at > 0 && list[at - 1]! < x; at--) list[at] = list[at - 1]!
  list[at] = x
}

function shuffled(count: number, random: (n: number) => number): Int32Array {
  const list = Int32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random(i + 1)
    const other = list[i]!
    list[i] = list[j]!
    list[j] = other
  }
  return list
}

function randomIndex(stream: RandomStream): (n: number) => number {
  let draws = 0
  return (n) => Math.floor(uniform(stream, draws++) * n)
}
