import { editGraph, editModel, editNode, type Model, makeNode, makeTensor } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { cutBlocks } from './cut-blocks.js'
import { findBlocks } from './find-blocks.js'
import { withGatedEnds } from './gated-ends.js'

const SIZES = [{ N: 1 }, { N: 4 }]

/** Three residual blocks of width 6 between two matrices; `block` makes h‹l + 1› of h‹l›. */
const stack = (block: (layer: number) => string, opset: number, more = ''): Model =>
  tinyModel({
    inputs: 'float[N, 3, 5] x',
    constants: `float[5, 6] w, float[6, 2] v, ${more}${[0, 1, 2].map((l) => `float[6, 9] up${l}, float[9, 6] down${l}`).join(', ')}`,
    nodes: `h0 = MatMul(x, w)\n ${[0, 1, 2].map(block).join('\n')}\n y = MatMul(h3, v)`,
    opset,
  })

const inside = (l: number, from: string) => `u${l} = MatMul(${from}, up${l}) g${l} = Relu(u${l}) d${l} = MatMul(g${l}, down${l})`

const plain = (opset: number) => stack((l) => `${inside(l, `h${l}`)} h${l + 1} = Add(h${l}, d${l})`, opset)

/** The sum of a block, and a bias, lie inside the norm behind it. */
const fused = (opset: number) =>
  stack(
    (l) => {
      const norm =
        l === 0 ? 'a0 = Relu(h0)' : `a${l}, , , h${l} = com.microsoft.SkipLayerNormalization(h${l - 1}, d${l - 1}, n, , b)`
      return `${norm} ${inside(l, `a${l}`)} ${l === 2 ? 'h3 = com.microsoft.SkipLayerNormalization(h2, d2, n, , b)' : ''}`
    },
    opset,
    'float[6] n, float[6] b, ',
  )

async function groupOf(model: Model) {
  const { dependencies } = await findCoupling(model)
  const [group, ...others] = findBlocks(model, dependencies)
  expect({ units: group!.units, held: group!.held, others }).toEqual({ units: 3, held: undefined, others: [] })
  return group!
}

/** The model with factors of its blocks. */
async function gatedBy(model: Model, factors: readonly number[]): Promise<Model> {
  const gated = withGatedEnds(model, [{ group: await groupOf(model), input: 'factors' }])
  const values = makeTensor({ name: 'factors', type: 'float32', shape: [factors.length], values: factors })
  return editModel(gated, { graph: editGraph(gated.graph, { initializers: [...gated.graph.initializers, values] }) })
}

// Before opset 15 there is no CastLike.
describe.each([
  ['plain, opset 18', plain, 18],
  ['plain, opset 13', plain, 13],
  ['fused, opset 18', fused, 18],
])('%s', (_, make, opset) => {
  test('with factors of 1 it computes what it did', async () => {
    expect(await difference(make(opset), await gatedBy(make(opset), [1, 1, 1]), SIZES)).toBeLessThan(1e-5)
  })

  test.each([
    [[0, 1, 1]],
    [[1, 0, 1]],
    [[1, 1, 0]],
    [[0, 0, 1]],
    [[1, 0, 0]],
  ])('with factors %j it computes what it does without the blocks at 0', async (factors) => {
    const model = make(opset)
    const removed = [0, 1, 2].filter((unit) => factors[unit] === 0)
    const cut = cutBlocks(model, [{ group: await groupOf(model), removed }])
    const gated = await gatedBy(model, factors)
    expect(await difference(cut, gated, SIZES)).toBeLessThan(1e-5)
    expect(await difference(model, gated, SIZES)).toBeGreaterThan(1e-2)
  })
})

test('a factor between scales what the last block adds', async () => {
  const model = plain(18)
  // Half of what down2 gives is what half of down2 gives.
  expect(await difference(halfOfLast(model), await gatedBy(model, [1, 1, 0.5]), SIZES)).toBeLessThan(1e-5)
})

/** The model in which the last block multiplies what it adds by ½. */
const halfOfLast = (model: Model): Model => {
  const nodes = model.graph.nodes.map((node) => (node.outputs[0] === 'd2' ? editNode(node, { outputs: ['whole'] }) : node))
  const half = makeTensor({ name: 'half', type: 'float32', shape: [], values: [0.5] })
  const at = nodes.findIndex(({ outputs }) => outputs[0] === 'whole') + 1
  nodes.splice(at, 0, makeNode({ op: 'Mul', inputs: ['whole', 'half'], outputs: ['d2'] }))
  return editModel(model, { graph: editGraph(model.graph, { nodes, initializers: [...model.graph.initializers, half] }) })
}

test('without blocks the model is the same', () => {
  const model = plain(18)
  expect(withGatedEnds(model, [])).toBe(model)
})
