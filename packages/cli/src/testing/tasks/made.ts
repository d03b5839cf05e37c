import { modelBytes, parseText, type TextValues } from '@pare/onnx'

/** Numbers that are the same in each run. */
export interface Random {
  /** From 0 to below 1. */
  uniform(): number
  /** Mean 0 and deviation 1. */
  normal(): number
  below(count: number): number
}

/** Mulberry32, by Tommy Ettinger. */
export function seeded(seed: number): Random {
  let state = seed * 0x9e3779b9
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (count) => Math.floor(uniform() * count),
  }
}

export function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

/** Weights of which about half are next to nothing: pruning lightly costs nothing, and heavily much. */
export function weights(random: Random, count: number): number[] {
  return times(count, () => random.normal() * (random.uniform() < 0.5 ? 1e-5 : 1))
}

/** x · w, of `w` [x.length, columns]. */
export function product(x: readonly number[], w: readonly number[], columns: number): number[] {
  return times(columns, (column) => x.reduce((sum, each, row) => sum + each * w[row * columns + column]!, 0))
}

export function rectified(x: readonly number[]): number[] {
  return x.map((each) => Math.max(0, each))
}

export function best(scores: readonly number[]): number {
  return scores.indexOf(Math.max(...scores))
}

/** A network with a hidden layer. */
export interface Network {
  readonly values: TextValues
  /** Declares its weights `a` and `b`. */
  readonly declared: string
  forward(x: readonly number[]): number[]
}

const HIDDEN = 24

export function network(random: Random, inputs: number, outputs: number): Network {
  const [a, b] = [weights(random, inputs * HIDDEN), weights(random, HIDDEN * outputs)]
  return {
    values: { a, b },
    declared: `float[${inputs}, ${HIDDEN}] a, float[${HIDDEN}, ${outputs}] b`,
    forward: (x) => product(rectified(product(x, a, HIDDEN)), b, outputs),
  }
}

/** Of a network over the value `x`. */
export const LAYERS = `h = MatMul(x, a)
    r = Relu(h)
    y = MatMul(r, b)`

export async function onnx(text: string, values: TextValues = {}): Promise<Uint8Array> {
  return await modelBytes(parseText(`<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]> ${text}`, values))
}

/** The label, but for one in twenty another. */
export function mistaken(random: Random, label: number, classes: number): number {
  return random.uniform() < 0.05 ? (label + 1 + random.below(classes - 1)) % classes : label
}

export function share<T>(of: readonly T[], is: (one: T, i: number) => boolean): number {
  return of.filter(is).length / of.length
}

export function lines(rows: readonly object[]): string {
  return rows.map((row) => JSON.stringify(row)).join('\n')
}

export function csv(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [header, ...rows].map((row) => row.join(',')).join('\n')
}
