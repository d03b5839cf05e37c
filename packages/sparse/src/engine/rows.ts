import type { NormKind } from '../kernels/row-kernels.js'
import type { EngineSetting } from './setting.js'

/** (x − mean) / √(variance + ε) · scale + bias of each row; 'rms' takes 0 for the mean, and has no bias. */
export interface RowNorm {
  readonly kind: NormKind
  readonly epsilon: number
  /** f32[width] */
  readonly scale: Float32Array
  /** f32[width] */
  readonly bias?: Float32Array
}

/** f32[rows, width] at `y` from that at `x`. */
export type RowFunction = (x: number, y: number, rows: number) => void

/** Numbers that are worth a thread's attention. */
const SHARE = 16384

export function runPair(
  { numbers, threads }: EngineSetting,
  { op, y, operands: [a, b], count }: { op: 'add' | 'mul'; y: number; operands: readonly [number, number]; count: number },
): void {
  const kernel = numbers.get(op)!
  threads.run(sharesOf(count, SHARE).map(([first, size]) => [[kernel, y + 4 * first, a + 4 * first, b + 4 * first, size]]))
}

export function loadNorm({ memory, numbers, threads }: EngineSetting, { kind, epsilon, scale, bias }: RowNorm): RowFunction {
  const width = scale.length
  const address = memory.allocate(4 * (4 + 2 * width), 'a normalisation')
  const values = memory.floats(address, 4 + 2 * width)
  values[0] = epsilon
  values.set(scale, 4)
  if (bias !== undefined) values.set(bias, 4 + width)
  const kernel = numbers.get(kind)!
  const perItem = Math.max(1, Math.floor(SHARE / width))
  return (x, y, rows) =>
    threads.run(
      sharesOf(rows, perItem).map(([first, size]) => [
        [kernel, y + 4 * first * width, x + 4 * first * width, address, size, width],
      ]),
    )
}

function sharesOf(count: number, share: number): [first: number, size: number][] {
  return Array.from({ length: Math.ceil(count / share) }, (_, i) => [i * share, Math.min(share, count - i * share)])
}
