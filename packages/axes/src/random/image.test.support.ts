import type { Choices, GraphText, Value } from './graph-text.test.support.js'

/** An image network that is being written. */
export interface Cnn {
  readonly g: GraphText
  readonly choices: Choices
  /** Values so far: f32[N, channels, H ÷ 2^level, W ÷ 2^level] */
  readonly pool: Image[]
  /** 8, or −1: known only at run time. */
  readonly size: number
}

export interface Image extends Value {
  readonly level: number
}

/** Adds a block behind x; undefined where that does not fit. */
export type Step = (cnn: Cnn, x: Image) => Image | undefined

export const channels = (x: Value) => x.shape[1]!
/** Height and width at a level. */
export const at = ({ size }: Cnn, level: number) => (size < 0 ? -1 : size >> level)
export const image = (_: Cnn, value: Value, level: number): Image => ({ ...value, level })

export function like(cnn: Cnn, x: Image, count: number, level = x.level): number[] {
  return [-1, count, at(cnn, level), at(cnn, level)]
}

export function reduceMean(g: GraphText, x: Value, axes: readonly number[], shape: readonly number[]): Value {
  const keeps = `keepdims = ${shape.length === x.shape.length ? 1 : 0}`
  return g.opset < 18
    ? g.node('ReduceMean', [x], shape, `axes = [${axes}], ${keeps}`)
    : g.node('ReduceMean', [x, g.ints(axes)], shape, keeps)
}
