import { expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { GraphWriter } from './writer.js'

const { graph } = parseText('g (float[N] x) => (float[N] y) <float[1] w = {1}> { new_0 = Relu(x)  y = Add(new_0, w) }')

test('names are those that the graph does not have', () => {
  const namesake = {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, outputs: node.outputs.map((name) => name.replace('_', '/')) })),
  }
  const writer = new GraphWriter(namesake, 'new')
  expect([writer.node('Neg', ['x']), writer.float(2), writer.name()]).toEqual(['new/1', 'new/2', 'new/3'])
})

test('the same node and the same constant are written once, one of its own and one under a given name always', () => {
  const writer = new GraphWriter(graph, 'new')
  const [a, b, c] = [
    writer.node('Cast', ['x'], { to: 1n }),
    writer.node('Cast', ['x'], { to: 1n }),
    writer.node('Cast', ['x'], { to: 10n }),
  ]
  expect([a === b, a === c]).toEqual([true, false])
  expect(writer.ints([1, 2])).toBe(writer.ints([1n, 2n]))
  expect(writer.ints(1)).not.toBe(writer.ints([1]))
  expect(writer.own('Cast', ['x'], { to: 1n })).not.toBe(a)
  writer.write('Cast', ['x'], ['z'], { to: 1n })
  expect(writer.nodes.map(({ outputs }) => outputs[0])).toEqual([a, c, expect.any(String), 'z'])
})

test('what is taken back is written anew', () => {
  const writer = new GraphWriter(graph, 'new')
  const kept = writer.node('Neg', ['x'])
  const gone = writer.node('Abs', ['x'])
  writer.forget(1)
  expect(writer.node('Abs', ['x'])).not.toBe(gone)
  expect(writer.node('Neg', ['x'])).toBe(kept)
})

test('the graph holds what was written behind its own', () => {
  const writer = new GraphWriter(graph, 'new')
  writer.write('Mul', ['y', writer.float(2)], ['z'])
  const { nodes, initializers, inputs } = writer.addedTo(graph, { inputs: [] })
  expect(nodes.map(({ op }) => op)).toEqual(['Relu', 'Add', 'Mul'])
  expect(initializers.map(({ name }) => name)).toEqual(['w', 'new/0'])
  expect(inputs).toEqual([])
})
