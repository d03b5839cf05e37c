import { PareError } from '@pare/onnx'
import type { ModelValue } from './model-value.js'
import type { NdArray } from './ndarray.js'
import { openSession, type Runtime, type Session } from './runtime.js'

/** Two models that should compute the same. */
export interface CompareRequest {
  /** Whose outputs count as right. Sizes are chosen so that it runs. */
  readonly reference: string
  readonly other: string
}

export interface Difference {
  /** Sizes that were given to axes that are not fixed, the first axis and the others, once for each run. */
  readonly sizes: readonly (readonly [first: number, others: number])[]
  /** Largest difference of any output element, relative to the largest element of that output. */
  readonly relative: number
}

/** Runs both on the same random inputs, with two sets of sizes. Throws PareError where the reference runs with no sizes that are tried. */
export async function compare(runtime: Runtime, { reference, other }: CompareRequest): Promise<Difference> {
  await using one = await openSession(runtime, reference)
  await using two = await openSession(runtime, other)
  const failures: unknown[] = []
  for (const sizes of CANDIDATES) {
    const expected = await Promise.all(sizes.map((size) => runRandom(one, size))).catch(
      (error: unknown) => void failures.push(error),
    )
    if (expected === undefined) continue
    const found = await Promise.all(sizes.map((size) => runRandom(two, size)))
    return {
      sizes,
      relative: Math.max(...expected.flatMap((outputs, i) => outputs.map((output, j) => apart(output, found[i]![j]!)))),
    }
  }
  throw new PareError(
    `${one.name} runs on no random input that was tried: ${failures[0] instanceof Error ? failures[0].message : ''}`,
    {
      hint: 'the models cannot be compared; evaluate both on data of your own.',
    },
  )
}

/** For sequences, and for images that are halved many times. */
const CANDIDATES = [
  [
    [1, 8],
    [3, 20],
  ],
  [
    [1, 32],
    [2, 64],
  ],
  [
    [1, 224],
    [2, 320],
  ],
  [
    [1, 1],
    [1, 1],
  ],
] as const

async function runRandom(session: Session, size: readonly [number, number]): Promise<NdArray[]> {
  const feeds = Object.fromEntries(session.inputs.map((input, i) => [input.name, randomInput(input, size, i)]))
  return session.runAll(feeds)
}

/** Numbers that repeat exactly: waves for floats, small counts for integers (ids, masks), true. */
function randomInput({ type, shape }: ModelValue, [first, others]: readonly [number, number], seed: number): NdArray {
  const dims = shape.map((size, axis) => (typeof size === 'number' && size >= 0 ? size : axis === 0 ? first : others))
  const length = dims.reduce((a, b) => a * b, 1)
  const wave = (i: number) => Math.sin(i * 1.7 + seed) + Math.cos(i * 0.31)
  switch (type) {
    case 'float32':
      return { type, shape: dims, data: Float32Array.from({ length }, (_, i) => wave(i)) }
    case 'float64':
      return { type, shape: dims, data: Float64Array.from({ length }, (_, i) => wave(i)) }
    case 'int64':
      return { type, shape: dims, data: BigInt64Array.from({ length }, (_, i) => BigInt((i * 7 + 1) % 2)) }
    case 'int32':
      return { type, shape: dims, data: Int32Array.from({ length }, (_, i) => (i * 7 + 1) % 2) }
    case 'bool':
      return { type, shape: dims, data: new Uint8Array(length).fill(1) }
    default:
      throw new PareError(`inputs of type ${type} are not made up.`, { hint: 'evaluate both models on data of your own.' })
  }
}

function apart(a: NdArray, b: NdArray): number {
  if (a.data.length !== b.data.length) return Number.POSITIVE_INFINITY
  let scale = 0
  let worst = 0
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [Number(a.data[i]), Number(b.data[i])]
    if (Number.isFinite(x)) scale = Math.max(scale, Math.abs(x))
    const difference = Math.abs(x - y)
    // Where one is not a number, both must be so.
    if (!(difference <= worst) && !Object.is(x, y)) worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  return scale === 0 ? worst : worst / scale
}
