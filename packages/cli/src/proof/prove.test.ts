import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, openModel, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
import { withComparedOutputs } from './compared-outputs.js'
import { toleranceOf } from './tolerance.js'

const weights = (elements: number) => Array.from({ length: elements }, (_, i) => Math.sin(i * i + 1).toFixed(3)).join(', ')

/** Two layers, 4-8-3, in the element type. */
function network(type: string, outputs = `${type}[N, 3] y`, after = '', last = weights(24)) {
  return parseText(
    `g (${type}[N, 4] x) => (${outputs}) <${type}[4, 8] w = {${weights(32)}}, ${type}[8] b = {${weights(8)}}, ${type}[8, 3] v = {${last}}>
     { h = MatMul(x, w)\n a = Add(h, b)\n r = Relu(a)\n y = MatMul(r, v)\n ${after} }`,
  )
}

async function put(folder: Folder, model: ReturnType<typeof parseText>) {
  await writeFile(join(folder.path, 'tiny.onnx'), await modelBytes(model))
}

const CUT = ['prune', 'tiny.onnx', '--structure', 'neuron', '--ratio', '0.5', '--out', 'out']

interface Document {
  readonly proofs?: readonly { readonly difference: number; readonly tolerance: number; readonly sizesDiffer: boolean }[]
}

describe('the proof of a cut', () => {
  it.each(['float16', 'float', 'double', 'bfloat16'])('holds for %s', async (type) => {
    await using folder = await fixture()
    await put(folder, network(type))
    const { exitCode, json } = await pare([...CUT, '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    const [proof] = (json() as Document).proofs!
    expect(proof!.tolerance).toBe(type === 'double' ? 1e-9 : 1e-4)
    expect(proof!.difference).toBeLessThan(proof!.tolerance / 10)
    expect(proof!.sizesDiffer).toBe(true)
    // It is written in its own type.
    await using file = await openModel(join(folder.path, 'out/tiny.onnx'))
    const own = type === 'float' ? 'float32' : type === 'double' ? 'float64' : type
    expect(file.model.graph.initializers.map(({ type }) => type)).toEqual([own, own, own])
  })

  it('takes Casts and constants in halves for what they are', async () => {
    await using folder = await fixture()
    const after = 'k = Constant<value = float16 {2.0}>()\n f = Cast<to = 1>(y)\n t = Cast<to = 10>(f)\n z = Mul(t, k)'
    await put(folder, network('float16', 'float16[N, 3] z', after))
    expect((await pare(CUT, { cwd: folder.path })).exitCode).toBe(0)
  })

  it('looks at the scores behind a class, not at the class', async () => {
    const model = network('float', 'int64[N] c', 'l = Add(y, y)\n m = ArgMax<axis = 1, keepdims = 0>(l)\n c = Cast<to = 7>(m)')
    expect(withComparedOutputs(model).graph.outputs.map(({ name }) => name)).toEqual(['l'])
    await using folder = await fixture()
    await put(folder, model)
    expect((await pare(CUT, { cwd: folder.path })).exitCode).toBe(0)
  })

  it('leaves outputs alone that are floats, or integers that nothing was rounded to', () => {
    const count = network('float', 'float[N, 3] y, int64[2] s', 's = Shape(y)')
    expect(withComparedOutputs(count)).toBe(count)
    const both = network('float', 'float[N, 3] y, int64[N, 1] c', 'c = ArgMax<axis = 1>(y)')
    expect(withComparedOutputs(both).graph.outputs.map(({ name }) => name)).toEqual(['y'])
  })

  it('is done without where that is said, and the report says so', async () => {
    await using folder = await fixture()
    await put(folder, network('float', 'float[N, 3] y', 'z = Unheard(y)'))
    const refused = await pare(CUT, { cwd: folder.path })
    expect(refused.exitCode).toBe(3)
    expect(refused.stderr).toContain('the cut cannot be proved, since the model does not run here')
    expect(refused.stderr).toContain('--no-prove')
    expect(await folder.files()).not.toContain('out/tiny.onnx')
    const written = await pare([...CUT, '--no-prove'], { cwd: folder.path })
    expect(written).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('proof       none') })
  })

  it('is done without where the config says so', async () => {
    const config = {
      prove: false,
      models: [{ path: 'model.onnx', prune: [{ structure: 'neuron', target: { ratio: 0.1 } }], evaluate: { data: 'val.npz' } }],
    }
    await using folder = await fixture(undefined, { 'pare.config.json': JSON.stringify(config) })
    const { json } = await pare(['run', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({
      models: [{ proof: { proved: false }, groups: [{ units: 256, removed: 25 }, { units: 128 }] }],
    })
  })
})

describe('the proof of a permutation', () => {
  // Four neurons that weigh much in a row, then four that weigh little: 2:4 keeps more where they are mixed.
  const uneven = Array.from({ length: 24 }, (_, i) => (i < 12 ? 5 + i : 0.01 * i).toFixed(2)).join(', ')
  const PERMUTED = ['prune', 'tiny.onnx', '--structure', 'nm:permute=true', '--out', 'out']

  it('compares with the original, and stands among the proofs', async () => {
    await using folder = await fixture()
    await put(folder, network('float', undefined, undefined, uneven))
    const { exitCode, json } = await pare([...PERMUTED, '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({ proofs: [{ step: 'permute', structure: 'nm', tolerance: 1e-4, sizesDiffer: true }] })
    expect((json() as Document).proofs![0]!.difference).toBeLessThan(1e-5)
    const { stdout } = await pare(PERMUTED, { cwd: folder.path })
    expect(stdout).toMatch(/proof +permuted = original: largest difference/)
  })

  it('is asked for, and left out, as that of a cut', async () => {
    await using folder = await fixture()
    await put(folder, network('float', undefined, 'z = Unheard(y)', uneven))
    const refused = await pare(PERMUTED, { cwd: folder.path })
    expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('the permutation cannot be proved') })
    const written = await pare([...PERMUTED, '--no-prove'], { cwd: folder.path })
    expect(written).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('proof       none') })
  })

  it('is told in the results of a run', async () => {
    const model = { path: 'model.onnx', prune: [{ structure: { name: 'nm', permute: { operations: 1e6 } } }] }
    const config = { models: [model], evaluate: { data: 'val.npz' } }
    await using folder = await fixture(undefined, { 'pare.config.json': JSON.stringify(config) })
    const { json } = await pare(['run', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({ models: [{ proof: { proved: true, step: 'permute' } }] })
    expect(json()).toHaveProperty('models.0.steps.1', expect.stringMatching(/^proved nm: permuted = original/))
  })
})

it('tolerances go with the type, and are wide where activations are rounded to 8 bits', () => {
  expect(['double', 'float', 'float16'].map((type) => toleranceOf(network(type), 'cut'))).toEqual([1e-9, 1e-4, 1e-4])
  const quantized = network('float', 'uint8[N, 3] q', 'q = QuantizeLinear(y, s, z)')
  expect(toleranceOf(quantized, 'cut')).toBe(1e-4)
  expect(toleranceOf(quantized, 'permute')).toBe(0.03)
})
