import { openModel, PareError } from '@pare/onnx'
import { hasFreeSizes, makeUp, type Sizes } from './made-up.js'
import { isInteger, type NdArray, numbersOf } from './ndarray.js'
import { openSession, type Runtime, type Session } from './runtime.js'
import { tableRows } from './table-rows.js'

/** Two models that should compute the same. */
export interface CompareRequest {
  /** Whose outputs count as right. Sizes are chosen so that it runs. */
  readonly reference: string
  readonly other: string
}

export interface Difference {
  /** Of the runs: sizes that were given to axes that are not fixed. The same entry twice where all are fixed; then only values differ. */
  readonly sizes: readonly Sizes[]
  /** Whether the sizes of the runs differ. */
  readonly free: boolean
  /** Largest difference of any output element, relative to the largest element of that output. Infinite where integers differ at all. */
  readonly relative: number
}

/**
 * Runs both on the same made-up inputs, twice: with two sets of sizes, or other values where all sizes are fixed. Throws PareError where the reference
 * runs with no sizes that are tried, or gives no number to compare.
 */
export async function compare(runtime: Runtime, { reference, other }: CompareRequest): Promise<Difference> {
  await using one = await openSession(runtime, reference)
  await using two = await openSession(runtime, other)
  await using file = await openModel(reference)
  const rows = tableRows(file.model)
  const runs: { readonly sizes: Sizes; readonly relative: number }[] = []
  const failures: string[] = []
  for (const [run, sizes] of CANDIDATES.entries()) {
    const inputs = makeUp(one.inputs, { sizes, run, rows })
    const expected = await runNamed(one, inputs).catch((error: Error) => void failures.push(error.message))
    if (expected === undefined) continue
    if (!holdsNumbers(expected)) {
      failures.push('its outputs hold no finite number')
      continue
    }
    const found = await runNamed(two, inputs)
    runs.push({ sizes, relative: Math.max(...[...expected].map(([name, output]) => apart(output, found.get(name)))) })
    if (runs.length === RUNS) return { sizes: runs.map((each) => each.sizes), free: hasFreeSizes(one.inputs), relative: largest(runs) }
  }
  throw new PareError(`${one.name} gives ${RUNS} results on no inputs that can be made up: ${failures[0]}`, {
    hint: 'the models cannot be compared; evaluate both on data of your own.',
  })
}

const RUNS = 2

/** For sequences, also where few positions are known, and for images that are halved many times. */
const CANDIDATES: readonly Sizes[] = [
  [1, 8],
  [3, 20],
  [2, 5],
  [1, 32],
  [2, 64],
  [1, 224],
  [2, 320],
  [1, 1],
  [2, 2],
]

/** Outputs by name. A model that has lost an input is not given it. */
async function runNamed(session: Session, inputs: Readonly<Record<string, NdArray>>): Promise<Map<string, NdArray>> {
  const wanted = session.inputs.map(({ name }) => [name, inputs[name]!] as const)
  const results = await session.runAll(Object.fromEntries(wanted))
  return new Map(session.outputs.map(({ name }, i) => [name, results[i]!]))
}

function holdsNumbers(outputs: ReadonlyMap<string, NdArray>): boolean {
  return [...outputs.values()].some((output) => numbersOf(output).some(Number.isFinite))
}

function largest(runs: readonly { readonly relative: number }[]): number {
  return Math.max(...runs.map(({ relative }) => relative))
}

/**
 * Largest difference of two elements ÷ the largest finite element of `a`, or not divided where all of `a` is zero. Infinities and NaN must stand at the
 * same places in both, and count as no difference there.
 */
function apart(a: NdArray, b: NdArray | undefined): number {
  if (b === undefined || a.shape.join() !== b.shape.join()) return Number.POSITIVE_INFINITY
  const [expected, found] = [numbersOf(a), numbersOf(b)]
  let scale = 0
  let worst = 0
  for (let i = 0; i < expected.length; i++) {
    const [x, y] = [expected[i]!, found[i]!]
    if (Number.isFinite(x)) scale = Math.max(scale, Math.abs(x))
    const difference = Math.abs(x - y)
    if (!(difference <= worst) && !Object.is(x, y)) worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  // Counts and classes are right or wrong.
  if (isInteger(a.type)) return worst === 0 ? 0 : Number.POSITIVE_INFINITY
  return scale === 0 ? worst : worst / scale
}
