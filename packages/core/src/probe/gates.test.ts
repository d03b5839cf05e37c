import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type Model, modelBytes, parseText, readModel } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { analyseUnits } from '../analyse/analyse-units.js'
import { decomposed, fused, postNorm } from '../apply/decoders.test.data.js'
import { gatePlan } from '../apply/gate-plan.js'
import type { UnitGroup } from '../contract/contract.js'
import { gateOf, withGates } from './gates.js'
import type { Setting } from './trials.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const residual = () =>
  parseText(
    `g (float[N, 3, 8, 8] x) => (float[N, 5] y)
     <float[6, 3, 3, 3] a, float[6, 6, 3, 3] b, float[6, 1, 3, 3] d, float[5, 6] w, float[5] bias>
     { p = Conv<pads = [1, 1, 1, 1]>(x, a) q = Relu(p) r = Conv<pads = [1, 1, 1, 1]>(q, b) s = Add(q, r) t = Relu(s)
       u = Conv<group = 6, pads = [1, 1, 1, 1]>(t, d) m = GlobalAveragePool(u) f = Flatten(m) y = Gemm<transB = 1>(f, w, bias) }`,
    { a: wave(162), b: wave(324), d: wave(54), w: wave(30), bias: wave(5) },
  )

const wave = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + length) / 3)

const llama = async () => readModel(await readFile(new URL('../../../../test-models/lm-llama.onnx', import.meta.url)))

describe.each<[string, () => Model | Promise<Model>]>([
  ['decomposed', decomposed],
  ['fused', fused],
  ['postNorm', postNorm],
  ['residual', residual],
  ['lm-llama', llama],
])('%s', (_, make) => {
  test('with gates of ones it computes what it did', async () => {
    const model = await make()
    const { model: gated, defaults } = await withGates(model, await gateable(model))
    expect(Object.keys(defaults).length).toBeGreaterThan(1)
    const actual = await outputsOf(gated, defaults)
    for (const [name, right] of Object.entries(await outputsOf(model))) expect(apart(actual[name]!, right)).toBeLessThan(1e-6)
  })

  test('with gates of zeros it computes what it does without the units', async () => {
    const model = await make()
    const whole = await outputsOf(model)
    const [first] = Object.keys(whole) as [string]
    const groups = await gateable(model)
    const some = groups.filter((_, i) => groups.length < 12 || i % 9 === 0 || i === groups.length - 1)
    const changes: number[] = []
    for (const group of some) {
      const { model: gated, defaults } = await withGates(model, [group])
      const removed = group.units > 2 ? [0, group.units - 2] : [0]
      const gates = defaults[gateOf(group.id)]!.data.slice()
      for (const unit of removed) gates[unit] = 0
      const actual = await outputsOf(gated, { [gateOf(group.id)]: { ...defaults[gateOf(group.id)]!, data: gates } })
      const entry = { id: group.id, units: group.units, removed }
      const step = {
        kind: 'cut',
        structure: 'test',
        criterion: 'test',
        scope: 'group',
        target: { ratio: 0.5 },
        groups: [entry],
      } as const
      const right = await outputsOf(await gatePlan(model, step))
      expect(apart(actual[first]!, right[first]!)).toBeLessThan(1e-5)
      changes.push(apart(actual[first]!, whole[first]!))
    }
    expect(Math.max(...changes)).toBeGreaterThan(0.01)
  })
})

test('a gate between 0 and 1 scales a unit', async () => {
  const model = parseText(
    'g (float[N, 1] x) => (float[N, 1] y) <float[1, 2] a = {1, 10}, float[2, 1] b = {1, 1}> { h = MatMul(x, a) y = MatMul(h, b) }',
  )
  const { coupled } = await analyseUnits(model)
  const hidden = coupled.filter(({ held, units }) => held === undefined && units === 2)
  const { model: gated } = await withGates(model, hidden)
  const setting: Setting = { [gateOf(hidden[0]!.id)]: { type: 'float32', shape: [2], data: Float32Array.of(1, 0.5) } }
  const session = await runtime.InferenceSession.create(await modelBytes(gated))
  const feeds = { x: new runtime.Tensor('float32', [3], [1, 1]), ...tensorsOf(setting) }
  // 3 · 1 · 1 + 3 · 10 · 0.5
  expect([...((await session.run(feeds)).y!.data as Float32Array)]).toEqual([18])
})

test.each([13, 17])('halves are multiplied by halves, opset %i', async (opset) => {
  const model = parseText(
    `<ir_version: 7, opset_import: ["" : ${opset}]> g (float[N, 4] x) => (float[N, 4] y)
     <float16[4, 6] a, float16[6, 4] b, float16[4, 6] c, float16[6, 4] d>
     { v = Cast<to = 10>(x) m = MatMul(v, a) r = Relu(m) n = MatMul(r, b) s = Add(v, n) k = MatMul(s, c) l = Relu(k) o = MatMul(l, d) t = Add(s, o) y = Cast<to = 1>(t) }`,
    { a: wave(24), b: wave(24), c: wave(24), d: wave(24) },
  )
  const groups = await gateable(model)
  expect(new Set(groups.map(({ kind }) => kind))).toEqual(new Set(['coupled', 'block']))
  const { model: gated, defaults } = await withGates(model, groups)
  const whole = await outputsOf(model)
  expect(await outputsOf(gated, defaults)).toEqual(whole)
  const none = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, { ...value, data: value.data.slice().fill(0) }]),
  )
  // Without its blocks it passes on what comes in, rounded to halves.
  const [y] = Object.values(await outputsOf(gated, none))
  expect(apart(y!, feedsFor(model, new Set()).x!.data as Float32Array)).toBeLessThan(1e-3)
})

test('groups that a normalisation looks at are refused', async () => {
  const model = fused()
  const width = (await analyseUnits(model)).coupled.find(({ roles, held }) => roles.has('norm') && held === undefined)!
  await expect(withGates(model, [width])).rejects.toThrow(/'.+' cannot be tried one by one: a normalisation takes statistics/)
})

async function gateable(model: Model): Promise<UnitGroup[]> {
  const { coupled, blocks } = await analyseUnits(model)
  const free = [...coupled, ...blocks].filter((group) => group.held === undefined)
  return free.filter((group) => group.kind === 'block' || !group.roles.has('norm'))
}

async function outputsOf(model: Model, setting: Setting = {}): Promise<Record<string, Float32Array>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const set = new Set(Object.keys(setting))
  const results = await session.run({ ...feedsFor(model, set), ...tensorsOf(setting) })
  await session.release()
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]))
}

function tensorsOf(setting: Setting): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(setting).map(([name, { shape, data }]) => [name, new runtime.Tensor(data as Float32Array, shape)]),
  )
}

/** Two samples of five positions, without a past: a cut model's would be smaller. */
function feedsFor({ graph }: Model, without: ReadonlySet<string>): Record<string, Tensor> {
  const sizes: Record<string, number> = { B: 2, N: 2, batch: 2, S: 5, P: 0 }
  const stored = new Set(graph.initializers.map(({ name }) => name))
  const inputs = graph.inputs.filter(({ name }) => !stored.has(name) && !without.has(name))
  return Object.fromEntries(
    inputs.map(({ name, type, shape }) => {
      const dims = shape!.map((size) => (typeof size === 'number' ? size : (sizes[size!] ?? 5)))
      const length = dims.reduce((a, b) => a * b, 1)
      if (name === 'lengths') return [name, new runtime.Tensor('int32', new Int32Array(length).fill(4), dims)]
      if (name === 'total') return [name, new runtime.Tensor('int32', Int32Array.of(5), dims)]
      if (type === 'int64')
        return [
          name,
          new runtime.Tensor(
            'int64',
            BigInt64Array.from({ length }, (_, i) => BigInt((i * 7 + 3) % 50)),
            dims,
          ),
        ]
      return [
        name,
        new runtime.Tensor(
          wave(length).map((value) => value * 3),
          dims,
        ),
      ]
    }),
  )
}

/** Largest difference ÷ largest value. */
function apart(actual: Float32Array, right: Float32Array): number {
  const scale = right.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - right[i]!)), 0) / scale
}
