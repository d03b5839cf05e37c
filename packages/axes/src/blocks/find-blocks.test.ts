import type { Model } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { type Tiny, tinyModel } from '../dependency/rules/rules.test.support.js'
import { findBlockParts, findBlocks } from './find-blocks.js'

/** The groups of a model: their ids, their blocks as 'from → to', and why they are held. */
async function blocksOf(model: Model) {
  const { dependencies } = await findCoupling(model)
  return findBlocks(model, dependencies).map(({ id, blocks, held }) => ({
    ...{ id, blocks: blocks.map(({ from, to }) => `${from} → ${to}`) },
    ...(held !== undefined && { held }),
  }))
}

/** x[N, 3, 6] goes in; weights a … d are square. */
const wide = (nodes: string, more: Partial<Tiny> & { constants?: string } = {}) =>
  tinyModel({
    inputs: 'float[N, 3, 6] x',
    nodes,
    ...more,
    constants: `float[6, 6] a, float[6, 6] b, float[6, 6] c, float[6, 6] d${more.constants ? `, ${more.constants}` : ''}`,
  })

test('what follows a sum belongs to its block, up to where the next begins; the last ends as the others do', async () => {
  const model = wide(`p = MatMul(x, a) s = Add(x, p) h = Relu(s)
    q = MatMul(h, b) t = Add(h, q) i = Relu(t) y = MatMul(i, c)`)
  expect(await blocksOf(model)).toEqual([{ id: 'blocks:x', blocks: ['x → h', 'h → i'] }])
})

test('the last does not where something else follows it', async () => {
  const model = wide(`p = MatMul(x, a) s = Add(x, p) h = Relu(s)
    q = MatMul(h, b) t = Add(h, q) i = Tanh(t) y = MatMul(i, c)`)
  expect(await blocksOf(model)).toEqual([{ id: 'blocks:x', blocks: ['x → h', 'h → t'] }])
})

test('a weight between two sums parts two groups', async () => {
  const model = wide(`p = MatMul(x, a) s = Add(x, p) h = MatMul(s, d)
    q = MatMul(h, b) y = Add(h, q)`)
  expect(await blocksOf(model)).toEqual([
    { id: 'blocks:x', blocks: ['x → s'] },
    { id: 'blocks:h', blocks: ['h → y'] },
  ])
})

const attention = (from: string, to: string, weight: string) =>
  `e${to} = MatMul(${from}, ${weight}) z${to} = Softmax(e${to}) ${to} = Add(${from}, z${to})`
const forward = (from: string, to: string, weight: string) => `f${to} = MatMul(${from}, ${weight}) ${to} = Add(${from}, f${to})`

describe('attention and the feed-forward network behind it are one block', () => {
  test('where they repeat', async () => {
    const model = wide(
      [attention('x', 'h', 'a'), forward('h', 'i', 'b'), attention('i', 'j', 'c'), forward('j', 'y', 'd')].join('\n'),
    )
    expect(await blocksOf(model)).toEqual([{ id: 'blocks:x', blocks: ['x → i', 'i → y'] }])
  })

  test('and where they do not', async () => {
    const model = wide(
      [forward('x', 'h', 'a'), attention('h', 'i', 'b'), forward('i', 'j', 'c'), attention('j', 'y', 'd')].join('\n'),
    )
    expect(await blocksOf(model)).toEqual([{ id: 'blocks:x', blocks: ['x → i', 'i → y'] }])
    const odd = wide([attention('x', 'h', 'a'), forward('h', 'i', 'b'), forward('i', 'y', 'c')].join('\n'))
    expect(await blocksOf(odd)).toEqual([{ id: 'blocks:x', blocks: ['x → i', 'i → y'] }])
  })
})

describe('blocks that cannot be passed by are held, with the reason', () => {
  test('what changes its shape', async () => {
    const model = wide('p = MatMul(x, a) s = Add(p, r) q = MatMul(s, b) y = Add(s, q)', { constants: 'float[7, 1, 1, 1] r' })
    const [first] = await blocksOf(model)
    expect(first).toEqual({ id: 'blocks:s', blocks: ['s → y'] })
    const grown = wide('p = MatMul(x, a) q = Mul(p, r) y = Add(x, q)', { constants: 'float[7, 1, 1, 1] r' })
    expect(await blocksOf(grown)).toEqual([
      { id: 'blocks:x', blocks: ['x → y'], held: "'x' and 'y' are not known to have one shape" },
    ])
  })

  test('an end that a subgraph reads', async () => {
    const model = wide(
      `p = MatMul(x, a) s = Add(x, p) y = If(flag) <then_branch = t () => (float[N, 3, 6] u) { u = Neg(s) },
       else_branch = e () => (float[N, 3, 6] v) { v = Abs(s) }>`,
      { inputs: 'float[N, 3, 6] x, bool flag' },
    )
    expect(await blocksOf(model)).toEqual([{ id: 'blocks:x', blocks: ['x → s'], held: "'s' is read in a subgraph" }])
  })
})

test('what is read within a block and elsewhere too makes no block', async () => {
  const model = wide('p = MatMul(x, a) s = Add(x, p) y = Mul(s, p)')
  expect(await blocksOf(model)).toEqual([])
})

describe('parts', () => {
  async function partsOf(model: Model) {
    const { dependencies } = await findCoupling(model)
    return findBlockParts(model, dependencies).map(({ id, blocks }) => [id, ...blocks.map(({ from, to }) => `${from} → ${to}`)])
  }

  test('attention and feed-forward networks are groups of their own', async () => {
    const model = wide(
      [attention('x', 'h', 'a'), forward('h', 'i', 'b'), attention('i', 'j', 'c'), forward('j', 'y', 'd')].join('\n'),
    )
    expect(await partsOf(model)).toEqual([
      ['attention:x', 'x → h', 'i → j'],
      ['feed-forward:h', 'h → i', 'j → y'],
    ])
  })

  test('there are none where there is no attention', async () => {
    expect(await partsOf(wide([forward('x', 'h', 'a'), forward('h', 'y', 'b')].join('\n')))).toEqual([])
  })
})
