import { expect, test } from 'vitest'
import { readAll } from '../bytes/payload.js'
import { valuesOf } from '../bytes/values.js'
import { readModel } from '../files/open.js'
import { modelBytes } from '../files/write.js'
import { parseText } from '../text/text.js'
import { editGraph, editModel, editNode, editTensor } from './edit.js'
import { makeNode, makeTensor, makeValueInfo } from './make.js'
import { withTensors } from './with-tensors.js'

const model = parseText(
  `m (bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}>
   { h = Mul(x, w)
     y = If(c) <then_branch = t () => (float[2] a) <float[2] v = {5, 6}> { a = Add(h, v) }, else_branch = e () => (float[2] b) { b = Neg(h) }> }`,
)

test('withTensors shares what does not change, up to the model', () => {
  expect(withTensors(model, (tensor) => tensor)).toBe(model)
  const changed = withTensors(model, (tensor) => (tensor.name === 'w' ? { ...tensor } : tensor))
  expect(changed.graph.nodes).toBe(model.graph.nodes)
  expect(changed.graph.initializers).not.toBe(model.graph.initializers)
})

test('a tensor of another shape, type and name is written as such', async () => {
  const changed = withTensors(model, (tensor) =>
    tensor.name === 'v' ? makeTensor({ name: 'v', type: 'float16', shape: [3, 1], values: [1, 2, 3] }) : tensor,
  )
  const again = await readModel(await modelBytes(changed))
  const branch = again.graph.nodes[1]!.attributes.get('then_branch')
  const [v] = branch?.kind === 'graph' ? branch.value.initializers : []
  expect(v).toMatchObject({ type: 'float16', shape: [3, 1] })
  expect([...valuesOf('float16', await readAll(v!.data))]).toEqual([1, 2, 3])
})

test('nodes, outputs and initializers are added and taken away', async () => {
  const { graph } = model
  const probe = makeNode({
    op: 'ReduceSum',
    inputs: ['h'],
    outputs: ['total'],
    attributes: {
      keepdims: 0n,
      note: 'sum',
      list: [1n, 2n],
      factor: 0.5,
      weights: [0.5, 1],
      k: makeTensor({ name: 'k', type: 'int64', values: [7n] }),
    },
  })
  const edited = editModel(model, {
    graph: editGraph(graph, {
      nodes: [editNode(graph.nodes[0]!, { op: 'Add', inputs: ['x', 'u'] }), probe],
      outputs: [makeValueInfo({ name: 'total' }), makeValueInfo({ name: 'h', type: 'float32', shape: ['N', 2, undefined] })],
      initializers: [editTensor(graph.initializers[0]!, { name: 'u', shape: [1, 2] })],
    }),
  })
  const again = await readModel(await modelBytes(edited))
  expect(again.graph.nodes.map(({ op, inputs }) => [op, inputs])).toEqual([
    ['Add', ['x', 'u']],
    ['ReduceSum', ['h']],
  ])
  expect(again.graph.outputs.map(({ name, type, shape }) => [name, type, shape])).toEqual([
    ['total', undefined, undefined],
    ['h', 'float32', ['N', 2, undefined]],
  ])
  expect(again.graph.initializers[0]).toMatchObject({ name: 'u', shape: [1, 2] })
  expect([...again.graph.nodes[1]!.attributes].map(([name, { kind }]) => [name, kind])).toEqual([
    ['keepdims', 'int'],
    ['note', 'string'],
    ['list', 'ints'],
    ['factor', 'float'],
    ['weights', 'floats'],
    ['k', 'tensor'],
  ])
})

test('fields that are left out stay out', async () => {
  // ir_version 8 and a graph with one node: input (field 1) 'x', op_type (4) 'A'.
  const bytes = Uint8Array.of(0x08, 8, 0x3a, 8, 0x0a, 6, 0x0a, 1, 0x78, 0x22, 1, 0x41)
  const before = await readModel(bytes)
  const nodes = before.graph.nodes.map((node) => editNode(node, { op: 'B' }))
  const expected = bytes.slice()
  expected[11] = 0x42
  expect(await modelBytes(editModel(before, { graph: editGraph(before.graph, { nodes }) }))).toEqual(expected)
})

test('unknown fields stay where they were', async () => {
  // Field 1000 of the model, a varint: tag 1000 * 8 = 8000 is 0xc0 0x3e. Field 900 of the graph: 7200 is 0xa0 0x38.
  const bytes = Uint8Array.of(0x08, 8, 0x3a, 6, 0x12, 1, 0x67, 0xa0, 0x38, 5, 0xc0, 0x3e, 9)
  const before = await readModel(bytes)
  const edited = editModel(before, { graph: editGraph(before.graph, { name: 'h' }) })
  const expected = bytes.slice()
  expected[6] = 0x68
  expect(await modelBytes(edited)).toEqual(expected)
})

test('a node that is made has the name and domain it is read back with', async () => {
  const made = makeNode({ op: 'Relu', inputs: ['x'], outputs: ['r'] })
  const graph = editGraph(model.graph, { nodes: [...model.graph.nodes, made] })
  const read = (await readModel(await modelBytes(editModel(model, { graph })))).graph.nodes.at(-1)!
  expect([made.name, made.domain]).toEqual(['', ''])
  expect([read.name, read.domain]).toEqual(['', ''])
})
