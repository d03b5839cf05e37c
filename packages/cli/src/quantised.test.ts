import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { applyPlan, countMacs, countParameters, makePlan, type Structure } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import {
  attributesOf,
  editGraph,
  editModel,
  editNode,
  elementCount,
  type Model,
  makeTensor,
  openModel,
  readAll,
  type Tensor,
  usesOf,
  valuesOf,
  withoutDead,
  writeModel,
} from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { head } from '@pare/structure-head'
import { hidden } from '@pare/structure-hidden'
import { layer } from '@pare/structure-layer'
import { neuron } from '@pare/structure-neuron'
import { nm } from '@pare/structure-nm'
import { tile } from '@pare/structure-tile'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture, TEST_MODELS } from './testing/folder.js'
import { type Form, quantise } from './testing/quantise.js'
import { pareInProcess as pare } from './testing/terminal.js'

// A quantised model is pruned as the float model is that holds what its integers stand for: decoded here, element by element, by the formulas of ONNX.

const CASES: readonly (readonly [model: string, form: Form, structures: readonly Structure[]])[] = [
  ['mlp-digits', 'qdq per tensor', [neuron(), element(), nm(), tile({ rows: 2, columns: 8 })]],
  ['mlp-digits', 'weights alone', [neuron(), element(), nm()]],
  ['mnist-mobilenet-folded', 'qdq per channel', [channel(), layer(), element(), nm()]],
  ['kjv-bert', 'qdq per channel', [head(), hidden(), element(), tile({ rows: 4, columns: 4 })]],
]

describe.each(CASES)('%s, %s', (name, form, structures) => {
  it.each(structures.map((structure) => [structure.name, structure] as const))('%s', async (_, structure) => {
    await using file = await openModel(join(TEST_MODELS, `${name}.onnx`))
    const model = await quantise(file.model, form)
    const twin = await decoded(model)
    const target = structure.kind === 'cut' ? { ratio: 0.4 } : { sparsity: structure.sparsity ?? 0.4 }
    const stepsFor = async (each: Model) =>
      (await makePlan(each, [{ structure, criterion: magnitude(), target }], { seed: 0 })).steps
    const steps = await stepsFor(model)
    expect(steps).toEqual(await stepsFor(twin))
    const [after, twinAfter] = [await applyPlan(model, { seed: 0, steps }), await applyPlan(twin, { seed: 0, steps })]
    await expectSame(await decoded(after), twinAfter)
  })

  it('has as many parameters, zeros and products as the float model', async () => {
    await using file = await openModel(join(TEST_MODELS, `${name}.onnx`))
    const model = await quantise(file.model, form)
    const [own, twin] = [await countParameters(model), await countParameters(await decoded(model))]
    expect(own).toEqual(twin)
    expect(own.elements).toBe((await countParameters(file.model)).elements)
    expect(await countMacs(model)).toBe(await countMacs(file.model))
  })
})

/** Floats under the names of the integers, and nothing where they were decoded. */
async function decoded(model: Model): Promise<Model> {
  const { graph } = model
  const { constants } = usesOf(graph)
  const floats = new Map<string, Tensor>()
  const nodes = []
  for (const node of graph.nodes) {
    const codes = constants.get(node.inputs[0] ?? '')
    if (node.op !== 'DequantizeLinear' || codes === undefined) nodes.push(node)
    else {
      const axis = attributesOf(node).int('axis', 1)
      const [q, s, z] = await Promise.all(node.inputs.map(async (name) => numbers(constants.get(name)!)))
      const inner = elementCount(codes.shape.slice(axis + 1))
      const at = (i: number) => (s!.length === 1 ? 0 : Math.floor(i / inner) % s!.length)
      const values = q!.map((code, i) => Math.fround(s![at(i)]! * (code - (z?.[at(i)] ?? 0))))
      floats.set(codes.name, makeTensor({ name: codes.name, type: 'float32', shape: codes.shape, values }))
      nodes.push(editNode(node, { op: 'Identity', inputs: [codes.name], attributes: new Map() }))
    }
  }
  const initializers = graph.initializers.map((tensor) => floats.get(tensor.name) ?? tensor)
  return withoutDead(model, editModel(model, { graph: editGraph(graph, { nodes, initializers }) }))
}

const numbers = async (tensor: Tensor) =>
  Array.from(valuesOf(tensor.type, await readAll(tensor.data)) as ArrayLike<number>, Number)

async function expectSame(one: Model, two: Model): Promise<void> {
  const [a, b] = [one, two].map(({ graph }) => new Map(graph.initializers.map((tensor) => [tensor.name, tensor])))
  for (const [name, tensor] of a!) {
    const other = b!.get(name)
    // Scales and zero points of weights are gone from the float model.
    if (other === undefined) continue
    expect(`${name} ${tensor.type} ${tensor.shape}`).toBe(`${name} ${other.type} ${other.shape}`)
    expect(Buffer.from(await readAll(tensor.data)).equals(Buffer.from(await readAll(other.data))), name).toBe(true)
  }
}

describe('what needs floats', () => {
  const written = async (folder: Folder) => {
    await using file = await openModel(join(TEST_MODELS, 'mlp-digits.onnx'))
    await writeModel(await quantise(file.model, 'qdq per tensor'), join(folder.path, 'integers.onnx'))
    await cp(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
  }

  it.each([
    [
      'a solver',
      ['--criterion', 'sparsegpt', '--sparsity', '0.5', '--calibrate', 'calibrate.npz'],
      "solver 'sparsegpt' cannot change",
    ],
    [
      'retraining',
      ['--sparsity', '0.5', '--recover', 'retrain', '--epochs', '1', '--train', 'calibrate.npz'],
      'retraining cannot change',
    ],
  ])('%s is refused with the reason, and what helps', async (_, options, message) => {
    await using folder = await fixture()
    await written(folder)
    const { exitCode, stderr } = await pare(['prune', 'integers.onnx', ...options, '--out', 'out'], { cwd: folder.path })
    expect(exitCode).not.toBe(0)
    expect(stderr).toContain(message)
    expect(stderr).toContain('it is int8 behind DequantizeLinear')
    expect(stderr).toContain('prune the float model, then quantise')
  })
})
