import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { put, temporaryFolder } from '../fixture.test.files.js'
import { loadRuntime } from '../process/runtime.js'
import { startFacts } from './facts.js'
import { measure } from './measure.js'

const folder = temporaryFolder()
const batch = (columns: Record<string, readonly (string | number)[]>) => ({ first: 0, size: 2, inputs: {}, columns })

test('columns become categories and names, in the order of the samples', () => {
  const facts = startFacts({ group: 'patient', isOwnGroup: false, slices: ['camera'], id: 'file' })
  facts.add(batch({ patient: [7, 8], camera: ['a', 'b'], file: ['x', 'y'] }))
  facts.add(batch({ patient: [7, 7], camera: ['b', 'b'], file: ['z', 'w'] }))
  expect(facts.finish()).toEqual({
    ids: ['x', 'y', 'z', 'w'],
    group: { by: 'patient', names: ['7', '8'], of: [0, 1, 0, 0] },
    slices: [{ by: 'camera', names: ['a', 'b'], of: [0, 1, 1, 1] }],
  })
})

test('what a format knows itself is no grouping where all are in one group, or each alone', () => {
  for (const documents of [
    [1, 1],
    [1, 2],
  ]) {
    const facts = startFacts({ group: 'document', isOwnGroup: true, slices: [] })
    facts.add(batch({ document: documents }))
    expect(facts.finish()).toBeUndefined()
  }
})

test('an evaluation has the facts of its samples', async () => {
  const text = '<ir_version: 8, opset_import: ["" : 17]> g (float[n, 2] x) => (float[n, 2] y) { y = Identity(x) }'
  const model = put(folder, 'identity.onnx', await modelBytes(parseText(text)))
  const data = put(folder, 'd.csv', 'x[0],x[1],label,site,id\n1,0,no,a,s1\n0,1,yes,b,s2\n0,1,no,a,s3\n')
  const request = { model, data, metrics: ['accuracy'], group: 'site', slices: ['label'], classes: ['no', 'yes'] }
  const { facts, metrics, ignored } = await measure(loadRuntime(), request)
  expect(metrics.accuracy).toBeCloseTo(2 / 3)
  expect(ignored).toEqual([])
  expect(facts).toEqual({
    ids: ['s1', 's2', 's3'],
    group: { by: 'site', names: ['a', 'b'], of: [0, 1, 0] },
    slices: [{ by: 'label', names: ['no', 'yes'], of: [0, 1, 0] }],
  })
})

test('a model that takes text is given text', async () => {
  const text = `<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 2]> g (string[n] word) => (float[n] y) {
    y = ai.onnx.ml.LabelEncoder <keys_strings = ["cat", "dog"], values_floats = [1.0, 2.0], default_float = 0.0> (word)
  }`
  const model = put(folder, 'words.onnx', await modelBytes(parseText(text)))
  const data = put(
    folder,
    'words.jsonl',
    ['dog', 'cat', 'cow'].map((word, i) => JSON.stringify({ word, label: [2, 1, 0.5][i] })).join('\n'),
  )
  // Errors 0, 0 and 0.5.
  expect((await measure(loadRuntime(), { model, data, metrics: ['mae'] })).metrics.mae).toBeCloseTo(1 / 6)
})
