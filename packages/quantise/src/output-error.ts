import { type Model, PareError } from '@pare/onnx'
import { applyQuantisation } from './apply.js'
import { integerGraph } from './static/integer-graph.js'
import type { RunData } from './static/ranges.js'
import type { QuantisedWeight, QuantiseStep } from './step.js'

export interface AllowedError {
  /** That outputs may have, as a part of their size. */
  readonly allowed: number
  readonly run: RunData
  readonly signal?: AbortSignal | undefined
}

/** What weights in fewer bits cost the outputs of a model on calibration data, and which were therefore kept in more. */
export interface OutputError {
  /** Root of Σ (y − ŷ)² ÷ Σ y², over all elements of an output, and the root mean square of it over outputs. */
  readonly allowed: number
  /** With all in fewer bits. */
  readonly before: number
  /** As it is now. */
  readonly after: number
  /** The most sensitive for their size first. */
  readonly weights: readonly SensitiveWeight[]
}

export interface SensitiveWeight {
  readonly id: string
  /** Of outputs, with this weight alone in fewer bits. */
  readonly error: number
  /** Whether it has more bits for that. */
  readonly isKept: boolean
}

/**
 * Keeps weights in more bits, until the error of the outputs is allowed: under int4 those in blocks have 8 bits, others stay floats. Each weight is tried alone in fewer bits; those go
 * first that bring the most squared error for each element, which costs the fewest bytes where squared errors add up; how many must go is found by
 * bisection, each time measured with all that are left. One pass over (some of) the data for each weight, and for each halving.
 */
export async function keepSensitive(
  model: Model,
  step: QuantiseStep,
  { allowed, run, signal }: AllowedError,
): Promise<{ readonly step: QuantiseStep; readonly outputError: OutputError }> {
  const options = { sums: new Set<string>(), ...(signal && { signal }) }
  const expected = await outputsOf(run(model, options))
  const errorOf = async (tried: QuantiseStep) => {
    if (tried.weights.length === 0) return 0
    return apart(expected, await outputsOf(run(await applyQuantisation(model, tried), options)))
  }
  const before = await errorOf(step)
  if (before <= allowed)
    return { step: await withKept(model, step, new Set()), outputError: { allowed, before, after: before, weights: [] } }
  const measured: { readonly weight: QuantisedWeight; readonly error: number }[] = []
  for (const weight of step.weights)
    if (canKeep(weight, step)) measured.push({ weight, error: await errorOf({ ...step, weights: [weight] }) })
  const loss = ({ error, weight }: (typeof measured)[number]) => error ** 2 / weight.elements
  measured.sort((a, b) => loss(b) - loss(a))
  const keeping = (count: number) => withKept(model, step, new Set(measured.slice(0, count).map(({ weight }) => weight.id)))
  let [low, high, after] = [0, measured.length, Number.NaN]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const error = await errorOf(await keeping(middle))
    if (error <= allowed) [high, after] = [middle, error]
    else low = middle
  }
  const kept = await keeping(high)
  if (Number.isNaN(after)) after = await errorOf(kept)
  const weights = measured.map(({ weight: { id }, error }, i) => ({ id, error, isKept: i < high }))
  const errors = new Map(weights.map(({ id, error }) => [id, error]))
  const left = kept.left.map((each) =>
    each.reason === SENSITIVE
      ? {
          ...each,
          reason: `${SENSITIVE}: alone it puts outputs off by ${short(errors.get(each.id)!)}, and ${short(allowed)} is allowed of all`,
        }
      : each,
  )
  return { step: { ...kept, left }, outputError: { allowed, before, after, weights } }
}

/** By how much outputs of one model are off those of another on calibration data: as `OutputError` counts. One pass over (some of) the data for each. */
export async function measureError(
  model: Model,
  changed: Model,
  { run, signal }: Omit<AllowedError, 'allowed'>,
): Promise<number> {
  const options = { sums: new Set<string>(), ...(signal && { signal }) }
  return apart(await outputsOf(run(model, options)), await outputsOf(run(changed, options)))
}

const SENSITIVE = 'it is sensitive'

function short(value: number): string {
  return String(Number(value.toPrecision(2)))
}

/** Of int4 tables of rows and what is only stored have 8 bits already. */
function canKeep({ form }: QuantisedWeight, { method }: QuantiseStep): boolean {
  return method !== 'int4' || form === 'blocks' || form === 'tied'
}

/** The step with some weights in 8 bits, or left as they are. Of ranges those stay that are still needed. */
async function withKept(model: Model, step: QuantiseStep, kept: ReadonlySet<string>): Promise<QuantiseStep> {
  if (step.method === 'int4')
    return { ...step, weights: step.weights.map((weight) => (kept.has(weight.id) ? { ...weight, bits: 8 as const } : weight)) }
  const weights = step.weights.filter(({ id }) => !kept.has(id))
  const left = step.weights.filter(({ id }) => kept.has(id)).map(({ id, elements }) => ({ id, elements, reason: SENSITIVE }))
  const { activations, ...others } = step
  const needed = activations && (await neededRanges(model, weights))
  const ranges = activations?.filter(({ id }) => needed!.has(id)) ?? []
  return { ...others, weights, ...(ranges.length > 0 && { activations: ranges }), left: [...step.left, ...left] }
}

/** Names of values whose ranges are read where these weights are computed in integers. */
async function neededRanges(model: Model, weights: readonly QuantisedWeight[]): Promise<ReadonlySet<string>> {
  const ids = weights.filter(({ form }) => form === 'static').map(({ id }) => id)
  return new Set([...(await integerGraph(model, new Set(ids))).values.values()].map(({ like }) => like))
}

/** Numbers that are compared, at most, beside those of one batch. */
const MOST_NUMBERS = 2 ** 23

type Outputs = ReadonlyMap<string, readonly ArrayLike<number | bigint>[]>

/** Of the first batches. */
async function outputsOf(batches: ReturnType<RunData>): Promise<Outputs> {
  const all = new Map<string, ArrayLike<number | bigint>[]>()
  let numbers = 0
  for await (const { outputs } of batches) {
    for (const [name, values] of Object.entries(outputs)) {
      all.set(name, [...(all.get(name) ?? []), values])
      numbers += values.length
    }
    if (numbers >= MOST_NUMBERS) break
  }
  if (numbers === 0) throw new PareError('there are no calibration data.', { hint: 'give at least one sample.' })
  return all
}

/** The root mean square over outputs of each one's error, as a part of its size. */
export function apart(expected: Outputs, actual: Outputs): number {
  let sum = 0
  for (const [name, batches] of expected) {
    let [off, size] = [0, 0]
    for (const [i, batch] of batches.entries()) {
      const other = actual.get(name)![i]!
      for (let k = 0; k < batch.length; k++) {
        const value = Number(batch[k])
        off += (Number(other[k]) - value) ** 2
        size += value ** 2
      }
    }
    sum += size === 0 ? off : off / size
  }
  return Math.sqrt(sum / expected.size)
}
