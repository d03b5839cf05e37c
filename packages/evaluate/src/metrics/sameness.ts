import { type NdArray, type Numbers, numbersOf } from '../data/ndarray.js'

/** Outputs count as the same up to rounding: this much of their largest element. */
export const ROUNDING = 1e-6

/** Whether one array is the same for every sample. */
export interface Sameness {
  /** The array of `size` samples: [size, …], or one value for all. */
  add(array: NdArray, size: number): void
  /** False until there are two samples. */
  isSame(): boolean
  /** Whether all of it is 0. */
  isZero(): boolean
  /** What another machine needs to go on. */
  state(): SamenessState
  /** Takes in what was seen of other samples. */
  join(state: SamenessState): void
}

/** What was seen of some of the samples. */
export interface SamenessState {
  readonly count: number
  readonly differs: boolean
  /** The first sample, where no other differs from it. */
  readonly first: readonly (number | string)[] | null
}

/** Samples count as the same up to `tolerance` of the first one's largest element; where their lengths differ, over the shorter. */
export function startSameness(tolerance: number): Sameness {
  let first: Numbers | undefined
  let slack = 0
  let count = 0
  let differs = false
  return {
    add(array, size) {
      if (differs) return
      if (array.shape.length === 0) {
        first ??= numbersOf(array).slice()
        count += size
        return
      }
      const values = numbersOf(array)
      const width = values.length / (array.shape[0] ?? 1)
      for (let row = 0; row < size && !differs; row++) {
        const own = values.subarray(row * width, (row + 1) * width)
        if (first === undefined) {
          first = own.slice()
          slack = tolerance * largest(own)
        } else if (!isNear(own, first, slack)) {
          differs = true
          // Of a large vocabulary it is hundreds of megabytes.
          first = undefined
        }
        count++
      }
    },
    isSame: () => count > 1 && !differs,
    isZero: () => count > 1 && !differs && first?.every((value) => value === 0) === true,
    state: () => ({ count, differs, first: differs || first === undefined ? null : Array.from(first, storable) }),
    join(state) {
      count += state.count
      differs ||= state.differs
      if (differs || state.first === null) return
      const own = Float64Array.from(state.first, Number)
      if (first === undefined) {
        first = own
        slack = tolerance * largest(own)
      } else differs = !isNear(own, first, slack)
    },
  }
}

/** JSON has no NaN. */
function storable(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

function isNear(own: Numbers, first: Numbers, slack: number): boolean {
  const length = Math.min(own.length, first.length)
  for (let i = 0; i < length; i++) if (!(Math.abs(own[i]! - first[i]!) <= slack) && !Object.is(own[i], first[i])) return false
  return true
}

function largest(values: Numbers): number {
  let most = 0
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!)
    if (magnitude > most && magnitude < Number.POSITIVE_INFINITY) most = magnitude
  }
  return most
}
