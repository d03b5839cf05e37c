import { analyseUnits, applyPlan, type Criterion, type CutStep, gatePlan, makePlan, type Structure } from '@pare/core'
import { allSizes, type Model, modelBytes, symbolsOf } from '@pare/onnx'
import { loadOnnxRuntime, provideOnnxRuntime } from '@pare/onnxruntime'
import type { InferenceSession, Tensor } from 'onnxruntime-common'
import { describe, expect, test } from 'vitest'
import { structureLaw } from './contract-law.js'
import { tinyModels } from './tiny-models.js'

export interface CutStructureOptions {
  /** Models to cut, by name. Default: the tiny models in which the structure finds something. */
  readonly models?: Readonly<Record<string, () => Promise<Model> | Model>>
  /** Largest difference allowed, relative to the largest output. Default: 1e-5, for f32 */
  readonly tolerance?: number
}

/** The laws every structure that cuts obeys: ids stable, finding and cutting nothing change nothing, and a cut model computes what the gated one does. */
export function testCutStructure(
  make: () => Structure,
  { models = tinyModels, tolerance = 1e-5 }: CutStructureOptions = {},
): void {
  const { name } = make()
  describe.each(Object.entries(models))(`structure ${name} on %s`, (_, load) => {
    const find = async (model: Model) => make().find(await analyseUnits(model))

    structureLaw(make, async () => analyseUnits(await load()))

    test('finds the same groups every time, changing nothing', async () => {
      const model = await load()
      const bytes = await modelBytes(model)
      const ids = (await find(model)).groups.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      expect((await find(model)).groups.map(({ id }) => id)).toEqual(ids)
      expect(await modelBytes(model)).toEqual(bytes)
    })

    test('cutting nothing changes nothing', async () => {
      const model = await load()
      if ((await find(model)).groups.length === 0) return
      const { steps } = await plan(model, make(), 0)
      expect(await modelBytes(await applyPlan(model, { seed: 1, steps }))).toEqual(await modelBytes(model))
    })

    test.each([0.25, 0.5, 0.75])('cut by %s it computes what it computes with those units at zero', async (ratio) => {
      const model = await load()
      if ((await find(model)).groups.length === 0) return
      const { steps } = await plan(model, make(), ratio)
      const smaller = await applyPlan(model, { seed: 1, steps })
      expect(await difference(smaller, await gatePlan(model, steps[0] as CutStep))).toBeLessThan(tolerance)
    })
  })
}

const criterion: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }

const plan = (model: Model, structure: Structure, ratio: number) =>
  makePlan(model, [{ structure, criterion, target: { ratio } }], { seed: 1 })

/** Largest difference of the outputs of two models, relative to the largest output, over two sizes of the axes that are not fixed. */
async function difference(a: Model, b: Model): Promise<number> {
  const runtime = loadOnnxRuntime(await provideOnnxRuntime())
  const sessions = await Promise.all(
    [a, b].map(async (model) => runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })),
  )
  let worst = 0
  // What goes takes its part of a cache with it, which the gated model is still given.
  const inputs = [...new Map([...b.graph.inputs, ...a.graph.inputs].map((input) => [input.name, input])).values()]
  const symbols = await symbolsOf(b)
  const first = new Set(inputs.map(({ shape }) => shape?.[0]))
  for (const [batch, length, past] of [
    [1, 8, 0],
    [3, 20, 3],
  ] as const) {
    const sizeOf = (symbol: string) => (first.has(symbol) ? batch : /^past/.test(symbol) ? past : length)
    const sizes = allSizes(symbols, Object.fromEntries(symbols.free.map((symbol) => [symbol, sizeOf(symbol)])))
    const feeds = Object.fromEntries(
      inputs.map(({ name, type, shape = [] }) => {
        const dims = shape.map((size, i) => (typeof size === 'number' ? size : (sizes[size ?? ''] ?? (i === 0 ? batch : length))))
        return [name, random(type ?? 'float32', dims, { TensorOf: runtime.Tensor, flag: past > 0 })]
      }),
    )
    const [one, two] = (await Promise.all(
      sessions.map((session) => session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!])))),
    )) as [InferenceSession.OnnxValueMapType, InferenceSession.OnnxValueMapType]
    for (const output of sessions[0]!.outputNames) worst = Math.max(worst, apart(one[output]!, two[output]!))
  }
  return worst
}

/** `flag`: what conditions are; with a cache that holds something they are true. */
function random(type: string, dims: readonly number[], { TensorOf, flag }: { TensorOf: typeof Tensor; flag: boolean }): Tensor {
  const count = dims.reduce((x, y) => x * y, 1)
  if (type === 'int64')
    return new TensorOf(
      'int64',
      BigInt64Array.from({ length: count }, (_, i) => BigInt((i * 7 + 1) % 6)),
      dims,
    )
  if (type === 'bool')
    return new TensorOf(
      'bool',
      Uint8Array.from({ length: count }, () => (flag ? 1 : 0)),
      dims,
    )
  return new TensorOf(
    'float32',
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7)),
    dims,
  )
}

function apart(a: Tensor, b: Tensor): number {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array]
  expect(x.length).toBe(y.length)
  const scale = y.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30)
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0) / scale
}
