import type { Model } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { blocksOf, FORWARD_WEIGHTS, LAYERS, partedBlock, partsOf, REMOVALS, SKIP } from './blocks.test.support.js'
import { cutBlocks } from './cut-blocks.js'
import { gateBlocks } from './gate-blocks.js'

const SIZES = [
  { N: 1, flag: 1 },
  { N: 4, flag: 0 },
]

interface Branches {
  /** Blocks in the branch that continues a cache, and in the other. */
  readonly continued?: readonly number[]
  readonly begun?: readonly number[]
  /** Whether norms are fused with the sums before them. Default: false */
  readonly isFused?: boolean
  /** What the branch that continues a cache makes of `other.l`, which only the branch without one computes. Default: a constant without elements */
  readonly other?: (layer: number) => string
  /** The layer of whose cache the branch that continues it asks for the size. Default: none */
  readonly measured?: number
}

/** A merged decoder: blocks x + down(relu(up(x) + past)), in both branches of an If, with a part of two caches each. */
function merged({ continued = [0, 1, 2], begun = [0, 1, 2], isFused = false, other = nothing, measured }: Branches = {}): Model {
  const caches = LAYERS.flatMap((l) => [`kept.${l}`, `other.${l}`])
  const branch = (
    name: string,
    layers: readonly number[],
    isContinued: boolean,
  ) => `${name} = ${name} () => (float[N, 3, 2] y, ${caches.map((cache) => `float[K, 3, 9] "${cache}"`).join(', ')}) {
      h0 = MatMul(x, w) a0 = LayerNormalization(h0, n0)
      ${layers.map((l, i) => block(l, { i, isFused, isContinued })).join('\n')}
      ${LAYERS.map((l) => (isContinued ? other(l) : `"other.${l}" = Abs(${layers.includes(l) ? `c${l}` : 'x9'})`)).join('\n')}
      ${LAYERS.filter((l) => !layers.includes(l)).map((l) => `"kept.${l}" = Identity(x9)`)}
      ${isContinued && measured !== undefined ? `s = Shape("past.kept.${measured}") f = Cast<to = 1>(s) l = ReduceMax<keepdims = 0>(f)` : 'l = Identity(one)'}
      p = MatMul(h${layers.length}, v) y = Mul(p, l) }`
  const constants = LAYERS.map((l) => `float[6, 9] up${l}, float[9, 6] down${l}, float[6] n${l}`)
  return tinyModel({
    inputs: `float[N, 3, 5] x, float[N, 3, 9] x9, bool flag, ${caches.map((cache) => `float[N, 3, 9] "past.${cache}"`).join(', ')}`,
    constants: `float[5, 6] w, float[6, 2] v, float[6] n3, float one = {1}, ${constants.join(', ')}`,
    nodes: `y, ${caches.map((cache) => `"${cache}"`).join(', ')} = If(flag) <${branch('then_branch', continued, true)}, ${branch('else_branch', begun, false)}>`,
    outputs: `y, ${caches.map((cache) => `"${cache}"`).join(', ')}`,
  })
}

const nothing = (l: number) => `"other.${l}" = Constant<value = float[0, 3, 9] {}>()`

function block(l: number, { i, isFused, isContinued }: { i: number; isFused: boolean; isContinued: boolean }): string {
  const sum = isFused
    ? `a${i + 1}, , , h${i + 1} = ${SKIP}(h${i}, d${l}, n${l + 1})`
    : `h${i + 1} = Add(h${i}, d${l}) a${i + 1} = LayerNormalization(h${i + 1}, n${l + 1})`
  return `u${l} = MatMul(a${i}, up${l}) c${l} = ${isContinued ? `Add(u${l}, "past.kept.${l}")` : `Identity(u${l})`}
    "kept.${l}" = Identity(c${l}) g${l} = Relu(c${l}) d${l} = MatMul(g${l}, down${l}) ${sum}`
}

describe.each([
  ['plain', false],
  ['fused', true],
])('blocks in both branches of an If, %s', (_, isFused) => {
  test.each(REMOVALS)('without %j both compute what they compute with them at zero', async (removed) => {
    const model = merged({ isFused })
    const [group, ...others] = await blocksOf(model)
    expect([group!.id, group!.units, group!.held, others]).toEqual(['blocks:y.else_branch/h0', 3, undefined, []])
    const [cut, gated] = [cutBlocks, gateBlocks].map((change) => change(model, [{ group: group!, removed }]))
    expect(await difference(gated!, cut!, SIZES)).toBeLessThan(1e-5)
    const layers = LAYERS.filter((l) => !removed.some((gone) => gone === l))
    const left = cut!.graph.initializers.filter(({ name }) => /^(up|down)\d$/.test(name)).map(({ name }) => name)
    expect(left).toEqual(layers.flatMap((l) => [`up${l}`, `down${l}`]))
    // Those that stay close ranks.
    expect(cut!.graph.outputs.map(({ name }) => name)).toEqual(['y', ...layers.flatMap((_, l) => [`kept.${l}`, `other.${l}`])])
  })
})

test('what both branches hold together are the inputs and outputs of a block', async () => {
  const [group] = await blocksOf(merged())
  expect(group!.blocks[1]).toMatchObject({
    ...{ from: 'y.else_branch/h1', to: 'y.else_branch/h2', twin: { from: 'y.then_branch/h1', to: 'y.then_branch/h2' } },
    ...{ inputs: ['past.kept.1'], outputs: ['other.1', 'kept.1'] },
  })
})

test('a cache that comes in and goes out of the branch that computes nothing of it goes with its block', async () => {
  const model = merged({ other: (l) => `"other.${l}" = Identity("past.other.${l}")` })
  const [group] = await blocksOf(model)
  expect(group!.blocks[1]!.inputs).toEqual(['past.kept.1', 'past.other.1'])
  const [cut, gated] = [cutBlocks, gateBlocks].map((change) => change(model, [{ group: group!, removed: [0] }]))
  expect(cut!.graph.inputs.filter(({ name }) => name.startsWith('past')).length).toBe(4)
  expect(await difference(gated!, cut!, SIZES)).toBeLessThan(1e-5)
})

test.each([
  [0, [0]],
  [2, [2]],
  [1, [0, 1]],
])('where the size of the cache of layer %i is read, and %j go, that of another is read', async (measured, removed) => {
  const model = merged({ measured })
  const [group] = await blocksOf(model)
  const [cut, gated] = [cutBlocks, gateBlocks].map((change) => change(model, [{ group: group!, removed }]))
  const names = cut!.graph.inputs.map(({ name }) => name).filter((name) => name.startsWith('past.kept'))
  expect(names).toEqual(LAYERS.slice(0, 3 - removed.length).map((l) => `past.kept.${l}`))
  expect(await difference(gated!, cut!, SIZES)).toBeLessThan(1e-5)
})

test.each([
  ['have another number of blocks', { continued: [0, 1] }, 'the one branch has 3 such blocks in a row, and the other 2'],
  [
    'make something else of an output',
    { other: (l: number) => `"other.${l}" = Neg(x9)` },
    "the output 'other.0' goes with it in one branch, and not in the other",
  ],
])('blocks are held where branches %s', async (_, branches, reason) => {
  const groups = await blocksOf(merged(branches))
  expect(groups.map(({ held }) => held)).toEqual([reason, reason.replace('.0', '.1'), reason.replace('.0', '.2')])
})

describe.each([
  ['plain', false],
  ['fused', true],
])('parts of blocks in both branches, %s', (_, isFused) => {
  const branch = (name: string, end: string) =>
    `${name} = ${name} () => (float[N, 3, 2] y) { h0 = MatMul(x, w) ${LAYERS.map((l) => partedBlock(l, isFused)).join('\n')} p = MatMul(h3, v) ${end} }`
  const model = tinyModel({
    inputs: 'float[N, 3, 5] x, bool flag',
    constants: `float[5, 6] w, float[6, 2] v, ${FORWARD_WEIGHTS}${LAYERS.map((l) => `float[6, 9] up${l}, float[9, 6] down${l}, float[6] n${l}`).join(', ')}`,
    nodes: `y = If(flag) <${branch('then_branch', 'y = Neg(p)')}, ${branch('else_branch', 'y = Identity(p)')}>`,
  })

  test.each([
    [[0], []],
    [[1, 2], []],
    [[], [0, 2]],
    [[1], [0, 1]],
  ])('without attention %j and feed-forward networks %j both compute what they compute with them at zero', async (attention, forward) => {
    const groups = await partsOf(model)
    expect(groups.map(({ id, units, held }) => [id, units, held])).toEqual([
      ['attention:y.else_branch/h0', 3, undefined],
      ['feed-forward:y.else_branch/m0', 3, undefined],
    ])
    const removed = [attention, forward].map((gone, i) => ({ group: groups[i]!, removed: gone }))
    const [cut, gated] = [cutBlocks, gateBlocks].map((change) => change(model, removed))
    expect(await difference(gated!, cut!, SIZES)).toBeLessThan(1e-5)
    expect(await difference(model, cut!, SIZES)).toBeGreaterThan(1e-3)
    const left = cut!.graph.initializers.map(({ name }) => name)
    const has = (name: string) => LAYERS.filter((l) => left.includes(`${name}${l}`))
    const stays = (gone: readonly number[]) => LAYERS.filter((l) => !gone.includes(l))
    expect([has('up'), has('in')]).toEqual([stays(attention), stays(forward)])
  })
})
