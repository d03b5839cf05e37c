import { parseText } from '@pare/onnx'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkGradient, spread } from './check-gradient.test.support.js'
import { decompose } from './decompose/decompose.js'
import type { Array64 } from './evaluate64/array.test.support.js'
import type { Feeds } from './evaluate64/evaluate.test.support.js'

/** Draws from fast-check's arbitraries. */
export type Draw = fc.GeneratorValue

/** Float inputs, differentiated by unless said otherwise. Sizes that are names are dynamic. */
export interface InputSpec {
  readonly shape: readonly (number | string)[]
  /** Default: −2 */
  readonly low?: number
  /** Default: 2 */
  readonly high?: number
  /** An integer or boolean input, or numbers that are not differentiated by. */
  readonly fixed?: (shape: readonly number[]) => Array64
}

export interface GradientCase {
  /** In ONNX text. */
  readonly nodes: string
  readonly inputs: Readonly<Record<string, InputSpec | readonly (number | string)[]>>
  /** Initializers in ONNX text: `int64[1] axes = {0}`. */
  readonly constants?: string
  /** Default: ['y'] */
  readonly outputs?: readonly string[]
  /** Default: 18 */
  readonly opset?: number
  /** Operators that the evaluator does not have: it evaluates what they are decomposed to, and ONNX Runtime's outputs of the operators themselves are compared with that. */
  readonly fused?: boolean
  /** As in GradientOptions. */
  readonly channelBlock?: number
}

/** Several sizes are tried for what is dynamic, with the same graph of gradients. */
const SIZES = [2, 3, 1]

/** One test for each entry: its gradients agree with central differences, for shapes and values that fast-check draws. */
export function testGradients(
  table: Readonly<Record<string, (draw: Draw) => GradientCase>>,
  { runs = 4 }: { readonly runs?: number } = {},
): void {
  for (const [name, make] of Object.entries(table)) {
    test(`${name} = central differences`, async () => {
      let compared = 0
      const property = fc.asyncProperty(fc.gen(), fc.integer({ min: 1, max: 1e6 }), async (draw, seed) => {
        compared += await checkCase(make(draw), seed)
      })
      await fc.assert(property, { numRuns: runs, seed: 20, endOnFailure: true })
      expect(compared).toBeGreaterThan(0)
    })
  }
}

/** Elements compared. */
export async function checkCase(example: GradientCase, seed = 1): Promise<number> {
  const specs = Object.entries(example.inputs).map(([name, spec]): [string, InputSpec] => [
    name,
    'shape' in spec ? spec : { shape: spec },
  ])
  const symbols = [...new Set(specs.flatMap(([, { shape }]) => shape.filter((size) => typeof size === 'string')))]
  const sizes =
    symbols.length === 0
      ? [{}]
      : SIZES.map((_, k) => Object.fromEntries(symbols.map((symbol, i) => [symbol, SIZES[(k + i) % 3]!])))
  const inputs = sizes.map((chosen: Record<string, number>, k) =>
    Object.fromEntries(specs.map(([name, spec], i) => [name, valuesOf(spec, chosen, seed + 10 * i + k)])),
  )
  const wrt = specs.filter(([, { fixed }]) => fixed === undefined).map(([name]) => name)
  const { channelBlock = 0 } = example
  const model = parseText(textOf(example, specs, inputs[0]!))
  return await checkGradient({ model, inputs, wrt, channelBlock, ...(example.fused && { oracle: await decompose(model) }) })
}

function valuesOf({ shape, low = -2, high = 2, fixed }: InputSpec, sizes: Record<string, number>, seed: number): Array64 {
  const numbers = shape.map((size) => (typeof size === 'number' ? size : sizes[size]!))
  return fixed === undefined ? spread(numbers, { low, high, seed }) : fixed(numbers)
}

function textOf(example: GradientCase, specs: readonly [string, InputSpec][], feeds: Feeds): string {
  const { nodes, constants = '', outputs = ['y'], opset = 18 } = example
  const inputs = specs.map(([name, { shape }]) => {
    const type = feeds[name]!.type
    return `${type === 'float32' ? 'float' : type}${shape.length === 0 ? '' : `[${shape.join(', ')}]`} ${name}`
  })
  return `<ir_version: 8, opset_import: ["" : ${opset}, "com.microsoft" : 1]> m (${inputs.join(', ')}) => (${outputs.map((name) => `float[] ${name}`).join(', ')})
    <${constants}> { ${nodes} }`
}

/** A size of an axis. */
export function size(draw: Draw, min = 1, max = 4): number {
  return draw(fc.integer, { min, max })
}

/** Sizes of axes. */
export function shape(draw: Draw, rank: number, min = 1, max = 4): number[] {
  return Array.from({ length: rank }, () => size(draw, min, max))
}

export function pick<T>(draw: Draw, ...choices: readonly T[]): T {
  return draw(fc.constantFrom, ...choices) as T
}
