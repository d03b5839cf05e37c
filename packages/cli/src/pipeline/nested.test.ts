import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { tinyModels } from '@pare/testing'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

const waves = (sizes: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(sizes).map(([name, count]) => [name, Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7))]),
  )

describe('graphs within nodes', () => {
  it.each([
    'head',
    'neuron',
    'hidden',
  ])('%s of a decoder whose branches are merged are cut, and both branches are proved', async (structure) => {
    await using folder = await fixture()
    await writeFile(join(folder.path, 'merged.onnx'), await modelBytes(tinyModels['merged decoder']!()))
    const args = ['merged.onnx', '--structure', structure, '--ratio', '0.5']
    const { exitCode, json } = await pare(['prune', ...args, '--json', '--out', 'out'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({ proofs: [{ step: 'cut', structure, runs: 2 }] })
    const again = await pare(['replay', 'out/merged.plan.json', 'merged.onnx', '--out', 'again'], { cwd: folder.path })
    expect(again.exitCode).toBe(0)
    expect(await readFile(join(folder.path, 'again/merged.onnx'))).toEqual(await readFile(join(folder.path, 'out/merged.onnx')))
  })

  it('are not measured or trained, and the node that holds them is named', async () => {
    const ids = Array.from({ length: 8 }, (_, i) => JSON.stringify({ input_ids: [i, i + 1, i + 2, 3] })).join('\n')
    await using folder = await fixture(undefined, { 'ids.jsonl': ids })
    await writeFile(join(folder.path, 'merged.onnx'), await modelBytes(tinyModels['merged decoder']!()))
    const prune = (...args: readonly string[]) => pare(['prune', 'merged.onnx', ...args], { cwd: folder.path })
    const solved = await prune('--criterion', 'sparsegpt', '--calibrate', 'ids.jsonl')
    expect(solved.stderr).toMatch(/is computed in a graph within If '.*', and what is computed there cannot be measured/)
    const retrain = ['--recover', 'retrain', '--train', 'ids.jsonl', '--steps', '2', '--loss', 'next-token']
    const retrained = await prune('--structure', 'neuron', ...retrain)
    expect(retrained.stderr).toMatch(/no parameter that can be trained: what is within If '.*' is not trained/)
    const layers = await prune('--structure', 'layer')
    expect(layers.stderr).toContain('within If, Loop and Scan blocks are not looked for')
  })
})

describe('local functions', () => {
  it('stand in place of their calls, also when the plan is replayed', async () => {
    await using folder = await fixture()
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
       g (float[N, 4] x) => (float[N, 3] y) <float[4, 8] w, float[8, 8] u, float[8, 3] v> { h = local.block(x, w)\n i = local.block(h, u)\n y = MatMul(i, v) }
       <domain: "local", opset_import: ["" : 17]> block (input, weight) => (output) { h = MatMul(input, weight)\n output = Relu(h) }`,
      waves({ w: 32, u: 64, v: 24 }),
    )
    await writeFile(join(folder.path, 'calls.onnx'), await modelBytes(model))
    const { json } = await pare(['prune', 'calls.onnx', '--structure', 'neuron', '--ratio', '0.5', '--json', '--out', 'out'], {
      cwd: folder.path,
    })
    expect(json()).toMatchObject({
      groups: [
        { units: 8, removed: 4 },
        { units: 8, removed: 4 },
      ],
      proofs: [{ step: 'cut' }],
    })
    const again = await pare(['replay', 'out/calls.plan.json', 'calls.onnx', '--out', 'again'], { cwd: folder.path })
    expect(again.exitCode).toBe(0)
    expect(await readFile(join(folder.path, 'again/calls.onnx'))).toEqual(await readFile(join(folder.path, 'out/calls.onnx')))
  })
})
