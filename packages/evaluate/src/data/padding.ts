import { tokenInput } from './fill.js'
import type { ModelValue } from './model-value.js'
import { type DataArray, isStrings, type NdArray, type SampleArrays, STORAGE, sizeOf } from './ndarray.js'

/** How samples of different lengths are filled up to one, behind their end. */
export interface SamplePadding {
  /** What fills an array up, by its name. */
  readonly values: ReadonlyMap<string, number>
  /** Lengths that the model fixes, by name. */
  readonly lengths: ReadonlyMap<string, number>
  /** The array whose length a mask tells, where the data have none. */
  readonly masked: string
}

const MASK = 'attention_mask'
/** A label that does not count, as PyTorch has it. */
export const IGNORED_LABEL = -100

/**
 * How a model with a mask takes samples of different lengths. Undefined without one: nothing would tell it what is filling, unless what stands behind the
 * end does not count (`isFilled`).
 */
export function paddingFor(
  inputs: readonly ModelValue[],
  {
    pad = 0,
    label,
    isFilled = false,
  }: { readonly pad?: number; readonly label: string | undefined; readonly isFilled?: boolean },
): SamplePadding | undefined {
  const tokens = tokenInput(inputs)
  const sequences = inputs.filter(({ shape }) => shape.length === 2 || (tokens === undefined && shape.length === 3))
  const masked = tokens ?? sequences.find(({ name }) => name !== MASK)?.name
  if (masked === undefined || !(isFilled || inputs.some(({ name }) => name === MASK))) return undefined
  const values = new Map<string, number>(sequences.map(({ name }) => [name, name === tokens ? pad : 0]))
  values.set('scored', 0)
  values.set(MASK, 0)
  if (label !== undefined && !values.has(label)) values.set(label, IGNORED_LABEL)
  const lengths = sequences.flatMap(({ name, shape }): [string, number][] =>
    typeof shape[1] === 'number' ? [[name, shape[1]]] : [],
  )
  const fixed = new Map(lengths)
  const length = fixed.get(masked)
  if (length !== undefined) for (const name of ['scored', MASK]) if (!fixed.has(name)) fixed.set(name, length)
  return { values, masked, lengths: fixed }
}

/** The samples in shapes that are the same for all of them. Those that are so already stay as they are. */
export function padded(samples: readonly SampleArrays[], padding: SamplePadding): readonly SampleArrays[] {
  const targets = new Map<string, readonly number[]>()
  for (const name of padding.values.keys()) {
    const target = targetOf(name, samples, padding)
    if (target !== undefined) targets.set(name, target)
  }
  if (targets.size === 0) return samples
  const length = targets.get(padding.masked)?.[0]
  return samples.map((sample) => {
    const own = new Map(sample)
    for (const [name, shape] of targets) own.set(name, filled(sample.get(name)!, shape, padding.values.get(name)!))
    const masked = sample.get(padding.masked)
    if (length !== undefined && masked !== undefined && !sample.has(MASK)) {
      const data = new Uint8Array(length).fill(1, 0, masked.shape[0])
      own.set(MASK, { type: 'bool', shape: [length], data })
    }
    return own
  })
}

/** The largest shape; undefined where nothing is to be filled up, or cannot be. */
function targetOf(
  name: string,
  samples: readonly SampleArrays[],
  { lengths, values }: SamplePadding,
): readonly number[] | undefined {
  const arrays = samples.map((sample) => sample.get(name))
  const [head] = arrays
  if (head === undefined || head.shape.length === 0) return undefined
  const fits = (array: DataArray | undefined) =>
    array !== undefined && isStrings(array) === isStrings(head) && array.shape.length === head.shape.length
  if (!arrays.every(fits) || (isStrings(head) && (head.shape.length > 1 || values.get(name) !== IGNORED_LABEL))) return undefined
  const shape = head.shape.map((_, axis) => arrays.reduce((most, array) => Math.max(most, array!.shape[axis]!), 0))
  const fixed = lengths.get(name)
  if (fixed !== undefined && shape[0]! <= fixed) shape[0] = fixed
  return arrays.every((array) => String(array!.shape) === String(shape)) ? undefined : shape
}

function filled(array: DataArray, target: readonly number[], value: number): DataArray {
  if (!isStrings(array)) return fill(array, target, value)
  // Names of one axis, as labels of words are.
  const more = Array.from({ length: sizeOf(target) - array.data.length }, () => String(value))
  return { ...array, shape: target, data: [...array.data, ...more] }
}

function fill({ type, shape, data }: NdArray, target: readonly number[], value: number): NdArray {
  const big = type === 'int64' || type === 'uint64'
  const own = !Number.isInteger(value) || value >= 0 || /^(int|float)/.test(type) ? type : 'int64'
  const result = new STORAGE[own](sizeOf(target)) as Uint8Array
  result.fill((big || own === 'int64' ? BigInt(value) : value) as never)
  const width = shape.at(-1)!
  const index = shape.map(() => 0)
  for (let from = 0; from < data.length && width > 0; from += width) {
    const to = index.reduce((at, i, axis) => at * target[axis]! + i, 0)
    const row = data.subarray(from, from + width)
    result.set((own === type ? row : Array.from(row as Uint8Array, BigInt)) as never, to)
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break
      index[axis] = 0
    }
  }
  return { type: own, shape: target, data: result as NdArray['data'] }
}
