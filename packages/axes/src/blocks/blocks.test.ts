import type { Model } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { cutBlocks } from './cut-blocks.js'
import { findBlockParts, findBlocks } from './find-blocks.js'
import { gateBlocks } from './gate-blocks.js'

const LAYERS = [0, 1, 2]
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

const SKIP = 'com.microsoft.SkipLayerNormalization'

/** Between two matrices, which nothing passes by. */
function stack(block: (layer: number) => string, more = ''): Model {
  const constants = LAYERS.map((l) => `float[6, 9] up${l}, float[9, 6] down${l}, float[6] n${l}`)
  return tinyModel({
    inputs: 'float[N, 3, 5] x',
    constants: `float[5, 6] w, float[6, 2] v, ${more}${constants.join(', ')}`,
    nodes: `h0 = MatMul(x, w)\n ${LAYERS.map(block).join('\n')}\n y = MatMul(h3, v)`,
  })
}

async function blocksOf(model: Model) {
  const { dependencies } = await findCoupling(model)
  return findBlocks(model, dependencies)
}

describe.each([
  ['plain', plain],
  ['fused', fused],
])('%s', (_, make) => {
  test.each([
    [[]],
    [[0]],
    [[1]],
    [[2]],
    [[0, 1]],
    [[0, 2]],
  ])('without blocks %j it computes what it computes with them at zero', async (removed) => {
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

/** Three blocks of attention, x + softmax(x·up)·down, and a feed-forward network, each part with a norm before it, fused with the sum before or not. */
const parted = (isFused: boolean) => () =>
  stack(
    (l) => {
      const sum = (to: string, from: string, added: string, norm: string) =>
        isFused
          ? `${norm}, , , ${to} = ${SKIP}(${from}, ${added}, n${l})`
          : `${to} = Add(${from}, ${added}) ${norm} = LayerNormalization(${to}, n${l})`
      const begin = l === 0 ? 'a0 = LayerNormalization(h0, n0)' : ''
      const attends = `u${l} = MatMul(a${l}, up${l}) z${l} = Softmax(u${l}) d${l} = MatMul(z${l}, down${l}) ${sum(`m${l}`, `h${l}`, `d${l}`, `b${l}`)}`
      const feeds = `f${l} = MatMul(b${l}, in${l}) g${l} = Relu(f${l}) e${l} = MatMul(g${l}, out${l}) ${sum(`h${l + 1}`, `m${l}`, `e${l}`, `a${l + 1}`)}`
      return `${begin} ${attends} ${feeds}`
    },
    LAYERS.map((l) => `float[6, 8] in${l}, float[8, 6] out${l}, `).join(''),
  )

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
    const { dependencies } = await findCoupling(model)
    const groups = findBlockParts(model, dependencies)
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
