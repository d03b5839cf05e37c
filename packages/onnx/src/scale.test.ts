import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openModel } from './files/open.js'
import { modelBytes, writeModel } from './files/write.js'
import { editGraph, editModel } from './graph/edit.js'
import { makeNode, makeTensor } from './graph/make.js'
import { visitNodes } from './graph/visit.js'
import { withTensors } from './graph/with-tensors.js'
import type { Model } from './model.js'
import { inferShapes } from './shapes/shapes.js'
import { parseText } from './text/text.js'

const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A chain of Mul with a weight each. */
function chain(length: number): Model {
  const model = parseText('m (float[1, 16] x) => (float[1, 16] y) { y = Identity(x) }')
  const nodes = Array.from({ length }, (_, i) =>
    makeNode({ op: 'Mul', inputs: [i === 0 ? 'x' : `h${i - 1}`, `w${i}`], outputs: [`h${i}`] }),
  )
  const data = new Float32Array(16)
  const initializers = nodes.map((_, i) => makeTensor({ name: `w${i}`, type: 'float32', shape: [16], values: data }))
  return editModel(model, { graph: editGraph(model.graph, { nodes, initializers }) })
}

async function use(model: Model): Promise<number> {
  const start = performance.now()
  const path = join(folder, `${model.graph.nodes.length}.onnx`)
  await writeModel(model, path)
  await using file = await openModel(path)
  let constants = 0
  visitNodes(file.model, (node, scope) => {
    constants += scope.constant(node.inputs[1]!) === undefined ? 0 : 1
  })
  expect(constants).toBe(model.graph.nodes.length)
  expect((await inferShapes(file.model)).shapes.get('h0')).toEqual([1, 16])
  withTensors(file.model, (tensor) => ({ ...tensor }))
  await modelBytes(file.model)
  return performance.now() - start
}

// Time is measured on a machine that others use too: a pause in the wrong place is not the law broken.
test('ten times the nodes take about ten times as long, not a hundred', { retry: 2 }, async () => {
  await use(chain(2_000))
  const few = await use(chain(3_000))
  const many = await use(chain(30_000))
  // Quadratic would be 100; 40 leaves room for a busy machine.
  expect(many / few).toBeLessThan(40)
})
