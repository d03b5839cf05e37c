import { createRequire } from 'node:module'
import { type Model, modelBytes } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { analyseUnits } from '../analyse/analyse-units.js'
import type { UnitGroup } from '../contract/contract.js'
import type { CutStep } from '../plan/plan.js'
import { applyPlan } from './apply.js'
import { decomposed, fused, postNorm } from './decoders.test.data.js'
import { gatePlan } from './gate-plan.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

describe.each([
  ['decomposed', decomposed],
  ['fused', fused],
  ['postNorm', postNorm],
])('%s', (_, make) => {
  test.each([
    [[0]],
    [[1]],
    [[2]],
    [[0, 1]],
    [[1, 2]],
    [[0, 2]],
  ])('without layers %j it computes what it computes with them passed by', async (removed) => {
    const model = make()
    const { blocks } = await analyseUnits(model)
    expect(blocks.map(({ units, held }) => [units, held])).toEqual([[3, undefined]])
    await compare(model, stepOf([[blocks[0]!, removed]]))
  })
})

test('a layer takes its part of the cache with it, and those that stay close ranks', async () => {
  const { smaller } = await cutBy(fused(), [[(await analyseUnits(fused())).blocks[0]!, [1]]])
  expect(smaller.graph.inputs.map(({ name }) => name)).toEqual(['ids', 'lengths', 'total', ...cacheNames('past', [0, 1])])
  expect(smaller.graph.outputs.map(({ name }) => name)).toEqual(['logits', ...cacheNames('present', [0, 1])])
  // Weights and nodes of two layers are left, and no others.
  expect(smaller.graph.initializers.filter(({ name }) => /^(q|k|v|o|up|down|n|m)\d$/.test(name)).length).toBe(16)
  expect(smaller.graph.nodes.filter(({ op }) => op === 'Identity')).toEqual([])
  expect(smaller.graph.nodes.length).toBe(fused().graph.nodes.length - 10)
})

test('without its first layers, the first norm that is left is a plain one', async () => {
  const { smaller } = await cutBy(fused(), [[(await analyseUnits(fused())).blocks[0]!, [0, 1]]])
  expect(smaller.graph.nodes[1]!.op).toBe('SimplifiedLayerNormalization')
  const { smaller: none } = await cutBy(postNorm(), [[(await analyseUnits(postNorm())).blocks[0]!, [0, 2]]])
  expect(none.graph.nodes.map(({ op }) => op)).toEqual(['Gather', 'MatMul', 'Relu', 'MatMul', 'SkipLayerNormalization', 'MatMul'])
})

test.each([
  ['decomposed', decomposed],
  ['fused', fused],
])('%s: a key-value head goes from the cache too', async (_, make) => {
  const model = make()
  const heads = (await analyseUnits(model)).coupled.filter(
    ({ roles, held }) => roles.has('batch') && !roles.has('repeat') && held === undefined,
  )
  expect(heads.map(({ units }) => units)).toEqual([2, 2, 2])
  const smaller = await compare(model, stepOf(heads.map((group, layer) => [group, layer === 1 ? [] : [layer === 0 ? 0 : 1]])))
  const sizes = new Map([...smaller.graph.inputs, ...smaller.graph.outputs].map(({ name, shape }) => [name, shape]))
  expect(sizes.get('past.0.key')).toEqual(['B', 1, 'P', 16])
  expect(sizes.get('present.0.value')).toEqual(['B', 1, 'T', 16])
  expect(sizes.get('past.1.key')).toEqual(['B', 2, 'P', 16])
})

test.each([
  ['decomposed', decomposed],
  ['fused', fused],
  ['postNorm', postNorm],
])('%s: width, neurons and heads at once', async (_, make) => {
  const model = make()
  const { coupled } = await analyseUnits(model)
  const groups = coupled.filter(({ held }) => held === undefined)
  expect(groups.some(({ roles, units }) => roles.has('norm') && units === 16)).toBe(true)
  await compare(model, stepOf(groups.map((group) => [group, [0, group.units - 2].slice(0, group.units / 2)])))
})

type Cut = readonly (readonly [group: UnitGroup, removed: readonly number[]])[]

function stepOf(cut: Cut): CutStep {
  const groups = cut.map(([{ id, units }, removed]) => ({ id, units, removed }))
  return { kind: 'cut', structure: 'test', criterion: 'test', scope: 'group', target: { ratio: 0.5 }, groups } as CutStep
}

async function cutBy(model: Model, cut: Cut): Promise<{ smaller: Model }> {
  return { smaller: await applyPlan(model, { seed: 1, steps: [stepOf(cut)] }) }
}

/** Runs the cut and the gated model, with and without a past. Returns the cut one. */
async function compare(model: Model, step: CutStep): Promise<Model> {
  const smaller = await applyPlan(model, { seed: 1, steps: [step] })
  const gated = await gatePlan(model, step)
  const [one, two] = await Promise.all(
    [smaller, gated].map(async (each) => runtime.InferenceSession.create(await modelBytes(each), { logSeverityLevel: 3 })),
  )
  for (const [batch, length, past] of [
    [1, 5, 0],
    [2, 1, 7],
  ] as const) {
    const sizes = { batch, length, past }
    const actual = await one!.run(feedsFor(smaller, sizes))
    const expected = await two!.run({ ...feedsFor(gated, sizes), ...feedsFor(smaller, sizes) })
    expect(Object.keys(actual)).toEqual(Object.keys(expected))
    for (const [name, { data, dims }] of Object.entries(actual)) {
      expect(dims).toEqual(expected[name]!.dims)
      const right = expected[name]!.data as Float32Array
      const scale = right.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expect(scale).toBeGreaterThan(0)
      const worst = (data as Float32Array).reduce((most, value, i) => Math.max(most, Math.abs(value - right[i]!)), 0)
      expect(worst / scale).toBeLessThan(1e-5)
    }
  }
  return smaller
}

function feedsFor({ graph }: Model, sizes: { batch: number; length: number; past: number }): Record<string, Tensor> {
  const free: Record<string, number> = { B: sizes.batch, S: sizes.length, P: sizes.past }
  const total = sizes.length + sizes.past
  return Object.fromEntries(
    graph.inputs.map(({ name, shape }) => {
      const dims = shape!.map((size) => (typeof size === 'number' ? size : free[size!]!))
      const length = dims.reduce((a, b) => a * b, 1)
      if (name === 'ids')
        return [
          name,
          new runtime.Tensor(
            'int64',
            BigInt64Array.from({ length }, (_, i) => BigInt((i * 7 + 3) % 50)),
            dims,
          ),
        ]
      if (name === 'lengths') return [name, new runtime.Tensor('int32', new Int32Array(length).fill(total - 1), dims)]
      if (name === 'total') return [name, new runtime.Tensor('int32', Int32Array.of(total), dims)]
      return [
        name,
        new runtime.Tensor(
          Float32Array.from({ length }, (_, i) => Math.sin(i * 1.3 + name.length)),
          dims,
        ),
      ]
    }),
  )
}

const cacheNames = (what: string, layers: readonly number[]) => layers.flatMap((l) => [`${what}.${l}.key`, `${what}.${l}.value`])
