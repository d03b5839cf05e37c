import { openModel, PareError, symbolsOf } from '@pare/onnx'
import { isInteger, type NdArray, numbersOf } from '../data/ndarray.js'
import { openSession, type Runtime, type Session } from '../process/runtime.js'
import { integersOf } from './counted.js'
import { conditionOf, hasFreeSides, hasFreeSizes, isCondition, type MadeUpSizes, makeUp, pastSymbols } from './made-up.js'

/** Two models that should compute the same. */
export interface CompareRequest {
  /** Whose outputs count as right. Sizes are chosen so that it runs. */
  readonly reference: string
  readonly other: string
  /**
   * Compares given equal decisions. Both models have the values of `names` among their outputs; `model` is `other` with these as inputs instead, and is given
   * the reference's, so that what a decision leads to is compared apart from which side it fell to. One whose shape differs stays the other model's own, but
   * not those of `counted`, whose size is decided too. Default: as it comes.
   */
  readonly decisions?: { readonly model: string; readonly names: readonly string[]; readonly counted: readonly string[] }
  /** How many inputs are made up. Default: 2 */
  readonly runs?: number
}

export interface Difference {
  /** Of the runs: sizes that were given to axes that are not fixed. The same entry twice where all are fixed; then only values differ. */
  readonly sizes: readonly MadeUpSizes[]
  /** Whether the sizes of the runs differ. */
  readonly free: boolean
  /** Largest difference of any output element, relative to the largest element of that output. Infinite where integers differ at all. */
  readonly relative: number
  /** Why the other model does not run where the reference does. */
  readonly failure?: string
}

/**
 * Runs both on the same made-up inputs, twice or as often as is asked for: with several sets of sizes, or other values where all sizes are fixed. Throws PareError where the reference
 * runs with no sizes that are tried, or gives no number to compare.
 */
export async function compare(
  runtime: Runtime,
  { reference, other, decisions, runs = RUNS }: CompareRequest,
): Promise<Difference> {
  const options = { literal: true, precise: await canBePrecise([reference, other]) }
  await using one = await openSession(runtime, reference, options)
  const expected = await runOften(one, reference, runs)
  const sizes = expected.map((each) => each.sizes)
  const free = hasFreeSizes(one.inputs)
  try {
    await using two = await openSession(runtime, other, options)
    await using decider = decisions && (await openSession(runtime, decisions.model, options))
    const differences: number[] = []
    for (const { inputs, outputs } of expected) {
      const own = await runNamed(two, inputs)
      const results = decider ? await runNamed(decider, { ...inputs, ...decided(decisions!, outputs, own) }) : own
      for (const [name, output] of outputs)
        if (!decisions?.names.includes(name)) differences.push(apart(output, results.get(name)))
    }
    return { sizes, free, relative: Math.max(...differences) }
  } catch (error) {
    return { sizes, free, relative: Number.POSITIVE_INFINITY, failure: (error as Error).message }
  }
}

/** Whether no model has what ONNX Runtime cannot compute precisely: which sums are clipped changes with a cut, so a right one would look wrong. */
async function canBePrecise(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    await using file = await openModel(path)
    if (file.model.graph.nodes.some(({ op, inputs }) => op === 'DequantizeLinear' && (inputs[2] ?? '') === '')) return false
  }
  return true
}

type Named = Readonly<Record<string, NdArray>>

interface Run {
  readonly sizes: MadeUpSizes
  readonly way: boolean
  readonly inputs: Named
  readonly outputs: ReadonlyMap<string, NdArray>
}

/** With the first sizes that work. */
async function runOften(session: Session, path: string, count: number): Promise<readonly Run[]> {
  await using file = await openModel(path)
  const making = { integers: integersOf(file.model), symbols: await symbolsOf(file.model) }
  const isCached = pastSymbols(session.inputs, making.symbols).size > 0
  // Which way a model goes: with an empty or a filled cache, or as a condition says.
  const isTold = session.inputs.some(isCondition)
  const wayOf = (sizes: MadeUpSizes, run: number) => conditionOf(session.inputs, { symbols: making.symbols, sizes, run })
  const runs: Run[] = []
  const failures: string[] = []
  const candidates = hasFreeSides(session.inputs) ? IMAGE_CANDIDATES : CANDIDATES
  for (const [run, sizes] of candidatesFor(candidates, isCached || isTold)) {
    // One run goes each way, where the model runs so.
    const isAlike = runs.some((each) => (run < candidates.length ? each.way === wayOf(sizes, run) : each.sizes === sizes))
    if ((isCached || isTold) && isAlike) continue
    const inputs = makeUp(session.inputs, { ...making, sizes, run })
    const outputs = await runNamed(session, inputs).catch((error: Error) => void failures.push(error.message))
    if (outputs === undefined) continue
    if (holdsNumbers(outputs)) runs.push({ sizes, way: wayOf(sizes, run), inputs, outputs })
    else failures.push('its outputs hold no finite number')
    if (runs.length === count) return runs
  }
  // More than two are wished for, not needed.
  if (runs.length >= RUNS) return runs
  throw new PareError(`${session.name} gives ${RUNS} results on no inputs that can be made up: ${failures[0]}`, {
    hint: 'the models cannot be compared; evaluate both on data of your own.',
  })
}

const RUNS = 2

/** For sequences, also where few positions are known. */
const CANDIDATES: readonly MadeUpSizes[] = [
  [1, 8, 0],
  [3, 20, 3],
  [2, 5, 0],
  [1, 32, 5],
  [2, 64, 0],
  [1, 224, 3],
  [2, 320, 0],
  [1, 1, 3],
  [2, 2, 0],
]

/** For images, that are halved many times: ONNX Runtime ends the process in a convolution over one that has shrunk to nothing, so small ones come last. */
const IMAGE_CANDIDATES: readonly MadeUpSizes[] = [
  [1, 96, 0],
  [2, 128, 3],
  [1, 224, 0],
  [2, 320, 3],
  [1, 64, 0],
  [2, 32, 3],
  [3, 20, 0],
  [1, 8, 3],
  [2, 2, 0],
]

/** What is tried, numbered; where there are two ways once more, for models that run only one of them. */
function candidatesFor(
  candidates: readonly MadeUpSizes[],
  hasWays: boolean,
): readonly (readonly [run: number, sizes: MadeUpSizes])[] {
  return (hasWays ? [...candidates, ...candidates] : candidates).map((sizes, run) => [run, sizes])
}

/** Outputs by name. A model that has lost an input is not given it. */
async function runNamed(session: Session, inputs: Named): Promise<Map<string, NdArray>> {
  const feeds = session.inputs.map(({ name }) => [name, inputs[name]!] as const)
  const results = await session.runAll(Object.fromEntries(feeds))
  return new Map(session.outputs.map(({ name }, i) => [name, results[i]!]))
}

/** The reference's decisions, where the other model makes such ones too. */
function decided(
  { names, counted }: NonNullable<CompareRequest['decisions']>,
  expected: ReadonlyMap<string, NdArray>,
  own: ReadonlyMap<string, NdArray>,
): Named {
  const same = (name: string) => counted.includes(name) || expected.get(name)!.shape.join() === own.get(name)!.shape.join()
  return Object.fromEntries(names.map((name) => [name, (same(name) ? expected : own).get(name)!]))
}

function holdsNumbers(outputs: ReadonlyMap<string, NdArray>): boolean {
  return [...outputs.values()].some((output) => numbersOf(output).some(Number.isFinite))
}

/**
 * Largest difference of two elements ÷ the largest finite element of `a`, or not divided where all of `a` is zero. Infinities and NaN must stand at the
 * same places in both, and count as no difference there.
 */
function apart(a: NdArray, b: NdArray | undefined): number {
  if (b === undefined || a.shape.join() !== b.shape.join()) return Number.POSITIVE_INFINITY
  const [expected, actual] = [numbersOf(a), numbersOf(b)]
  let scale = 0
  let worst = 0
  for (let i = 0; i < expected.length; i++) {
    const [x, y] = [expected[i]!, actual[i]!]
    if (Number.isFinite(x)) scale = Math.max(scale, Math.abs(x))
    const difference = Math.abs(x - y)
    if (!(difference <= worst) && !Object.is(x, y)) worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  // Counts and classes are right or wrong.
  if (isInteger(a.type)) return worst === 0 ? 0 : Number.POSITIVE_INFINITY
  return scale === 0 ? worst : worst / scale
}
