import type { Model } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { blocksOf, FORWARD_WEIGHTS, LAYERS, partedBlock, partsOf, REMOVALS, SKIP } from './blocks.test.support.js'
import { cutBlocks } from './cut-blocks.js'
import { gateBlocks } from './gate-blocks.js'

const SIZES = [{ N: 1 }, { N: 4 }]

/** Three feed-forward blocks, x + down(relu(up(x))) each, of width 6. */
const plain = () =>
  stack((l) => `u${l} = MatMul(h${l}, up${l}) g${l} = Relu(u${l}) d${l} = MatMul(g${l}, down${l}) h${l + 1} = Add(h${l}, d${l})`)

/** The same with a norm before each and one at the end, fused with the sum before it: the sum runs on through the fourth output. */
const fused = () =>
  stack((l) => {
    const norm = l === 0 ? 'a0 = LayerNormalization(h0, n0)' : `a${l}, , , h${l} = ${SKIP}(h${l - 1}, d${l - 1}, n${l})`
    const end = l === 2 ? `h3 = ${SKIP}(h2, d2, last)` : ''
    return `${norm} u${l} = MatMul(a${l}, up${l}) g${l} = Relu(u${l}) d${l} = MatMul(g${l}, down${l}) ${end}`
  }, 'float[6] last, ')

/** Between two matrices, which nothing passes by. */
function stack(block: (layer: number) => string, more = ''): Model {
  const constants = LAYERS.map((l) => `float[6, 9] up${l}, float[9, 6] down${l}, float[6] n${l}`)
  return tinyModel({
    inputs: 'float[N, 3, 5] x',
    constants: `float[5, 6] w, float[6, 2] v, ${more}${constants.join(', ')}`,
    nodes: `h0 = MatMul(x, w)\n ${LAYERS.map(block).join('\n')}\n y = MatMul(h3, v)`,
  })
}

describe.each([
  ['plain', plain],
  ['fused', fused],
])('%s', (_, make) => {
  test.each(REMOVALS)('without blocks %j it computes what it computes with them at zero', async (removed) => {
    const model = make()
    const groups = await blocksOf(model)
    expect(groups.map(({ units, held }) => [units, held])).toEqual([[3, undefined]])
    const [cut, gated] = [cutBlocks, gateBlocks].map((change) => change(model, [{ group: groups[0]!, removed }]))
    expect(await difference(gated!, cut!, SIZES)).toBeLessThan(1e-5)
    const left = cut!.graph.initializers.filter(({ name }) => /^(up|down)\d$/.test(name)).map(({ name }) => name)
    expect(left).toEqual(LAYERS.filter((l) => !removed.some((gone) => gone === l)).flatMap((l) => [`up${l}`, `down${l}`]))
  })

  test('a block at zero is not a block that stays', async () => {
    const model = make()
    const [group] = await blocksOf(model)
    expect(await difference(model, gateBlocks(model, [{ group: group!, removed: [1] }]), SIZES)).toBeGreaterThan(1e-2)
  })
})

/** Three of them. */
const parted = (isFused: boolean) => () => stack((l) => partedBlock(l, isFused), FORWARD_WEIGHTS)

describe.each([
  ['plain', parted(false)],
  ['fused', parted(true)],
])('parts of blocks, %s', (_, make) => {
  test.each([
    [[0], []],
    [[1, 2], []],
    [[], [0, 2]],
    [[1], [0, 1]],
    [[0, 1], [1]],
  ])('without attention %j and feed-forward networks %j it computes what it computes with them at zero', async (attention, forward) => {
    const model = make()
    const groups = await partsOf(model)
    expect(groups.map(({ id, units, held }) => [id, units, held])).toEqual([
      ['attention:h0', 3, undefined],
      ['feed-forward:m0', 3, undefined],
    ])
    const removed = [attention, forward].map((gone, i) => ({ group: groups[i]!, removed: gone }))
    const [cut, gated] = [cutBlocks, gateBlocks].map((change) => change(model, removed))
    expect(await difference(gated!, cut!, SIZES)).toBeLessThan(1e-5)
    expect(await difference(model, cut!, SIZES)).toBeGreaterThan(1e-3)
    const left = cut!.graph.initializers.map(({ name }) => name)
    const has = (name: string) => LAYERS.filter((l) => left.includes(`${name}${l}`))
    expect([has('up'), has('in')]).toEqual(
      [attention, forward].map((gone) => LAYERS.filter((l) => !gone.some((each) => each === l))),
    )
  })
})

/** Perceiver: learned latents, as many times as there are samples of what they attend to. */
const latents = () =>
  tinyModel({
    inputs: 'float[N, 3, 5] x',
    constants: `float[5, 6] w, float[6, 2] v, float[1, 4, 6] learned, int64[1] first = {0}, int64[2] rest = {4, 6}, float[6, 6] key, float[6, 6] query,
      float[6, 9] up1, float[9, 6] down1, float[6, 9] up2, float[9, 6] down2`,
    nodes: `c = MatMul(x, w) s = Shape(c) n = Gather(s, first) t = Concat<axis = 0>(n, rest) h0 = Expand(learned, t)
      k = MatMul(c, key) kt = Transpose<perm = [0, 2, 1]>(k) q = MatMul(h0, query) scores = MatMul(q, kt) z = Softmax(scores) d0 = MatMul(z, k) h1 = Add(h0, d0)
      u1 = MatMul(h1, up1) g1 = Relu(u1) d1 = MatMul(g1, down1) h2 = Add(h1, d1)
      u2 = MatMul(h2, up2) g2 = Relu(u2) d2 = MatMul(g2, down2) h3 = Add(h2, d2) y = MatMul(h3, v)`,
  })

test('what a block begins with stays, where its size is that of what only the block attends to', async () => {
  const model = latents()
  const groups = await blocksOf(model)
  const [first] = groups
  expect([first?.id, first?.units, first?.held]).toEqual(['blocks:h0', 2, undefined])
  const [cut, gated] = [cutBlocks, gateBlocks].map((change) => change(model, [{ group: first!, removed: [0] }]))
  expect(await difference(gated!, cut!, SIZES)).toBeLessThan(1e-5)
  expect(cut!.graph.initializers.map(({ name }) => name)).not.toContain('key')
})
