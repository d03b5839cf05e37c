import { type Fact, type InferenceFacts, MOST_ELEMENTS, product } from './rule.js'

/** Says for each axis how far apart in row-major order its positions are. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = Array<number>(shape.length).fill(1)
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!
  return strides
}

/** Place in row-major order of a position. */
export function flatIndex(position: readonly number[], strides: readonly number[]): number {
  return position.reduce((flat, at, axis) => flat + at * strides[axis]!, 0)
}

/** What `make` gives for each position of a shape, in row-major order. The position is the same array each time. */
export function forEachPosition<T>(shape: readonly number[], make: (position: readonly number[], flat: number) => T): T[] {
  const position = Array<number>(shape.length).fill(0)
  return Array.from({ length: product(shape) }, (_, flat) => {
    const made = make(position, flat)
    for (let axis = shape.length - 1; axis >= 0 && ++position[axis]! === shape[axis]!; axis--) position[axis] = 0
    return made
  })
}

/**
 * A value of shape `shape` whose elements are those of `source`: for each position `indexOf` says the place in row-major order. Its elements are unknown where
 * those of `source` are, where they are many, and where one stands nowhere in it.
 */
export function rearranged(
  source: InferenceFacts | undefined,
  shape: readonly number[],
  indexOf: (position: readonly number[]) => number,
): Fact {
  if (source === undefined || product(shape) > MOST_ELEMENTS) return { shape }
  const numbers = forEachPosition(shape, (position) => source.numbers[indexOf(position)])
  return { shape, value: numbers.includes(undefined) ? undefined : { type: source.type, numbers: numbers as number[] } }
}

/** Elements as their type can hold them: rounded to 32 bits; undefined where one is no number of an integer type, as after a division by zero. */
export function typed(type: InferenceFacts['type'], numbers: readonly number[]): InferenceFacts | undefined {
  if (type === 'float32') return { type, numbers: numbers.map(Math.fround) }
  const isWhole = /^u?int|^bool/.test(type)
  return isWhole && !numbers.every(Number.isInteger) ? undefined : { type, numbers }
}
