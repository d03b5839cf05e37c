import { join } from 'node:path'
import { openModel } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

describe('structures that cut', () => {
  it('removes half of the neurons of a network, proved, and replays to the same bytes', async () => {
    await using folder = await fixture()
    const { exitCode, json } = await pare(
      ['prune', 'model.onnx', '--structure', 'neuron', '--ratio', '0.5', '--out', 'out', '--json'],
      { cwd: folder.path },
    )
    expect(exitCode).toBe(0)
    const document = json() as { output: { sha256: string }; proofs: { difference: number; tolerance: number }[] }
    // 64-256-128-10 becomes 64-128-64-10: 64·128 + 128 + 128·64 + 64 + 64·10 + 10 parameters.
    expect(document).toMatchObject({
      parameters: { before: 50_826, after: 17_226 },
      macs: { before: 50_432, after: 17_024 },
      groups: [
        { id: '0.weight:0', structure: 'neuron', units: 256, removed: 128 },
        { id: '2.weight:0', structure: 'neuron', units: 128, removed: 64 },
      ],
    })
    expect(document.proofs[0]!.difference).toBeLessThan(document.proofs[0]!.tolerance)
    const replayed = await pare(['replay', 'out/model.plan.json', 'model.onnx', '--out', 'again', '--json'], { cwd: folder.path })
    expect((replayed.json() as typeof document).output.sha256).toBe(document.output.sha256)
    await using file = await openModel(join(folder.path, 'out/model.onnx'))
    const shapes = file.model.graph.initializers.map(({ shape }) => shape.join('×'))
    expect(shapes.sort()).toEqual(['10', '10×64', '128', '128×64', '64', '64×128'])
  })

  it('measures and gates a cut model like any other', async () => {
    await using folder = await fixture()
    const args = [
      'run',
      'model.onnx',
      '--data',
      'val.npz',
      '--metric',
      'accuracy',
      '--structure',
      'neuron',
      '--ratio',
      '0.1',
      '--max-drop',
      '0.05',
    ]
    const { exitCode, json } = await pare([...args, '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    const { models } = json() as { models: { steps: string[]; parameters: { before: number; after: number } }[] }
    expect(models[0]!.steps[0]).toBe('magnitude on neuron, group, ratio 0.1')
    expect(models[0]!.steps[1]).toMatch(/^proved neuron: cut = masked: largest difference .*, tolerance 1e-4, two sizes$/)
    expect(models[0]!.parameters.after).toBeLessThan(models[0]!.parameters.before)
  })

  it('refuses a sparsity for what cuts and a ratio for what masks, with the other', async () => {
    await using folder = await fixture()
    const cut = await pare(['prune', 'model.onnx', '--structure', 'neuron', '--sparsity', '0.5'], { cwd: folder.path })
    expect(cut).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--ratio 0.5') })
    const mask = await pare(['prune', 'model.onnx', '--ratio', '0.5'], { cwd: folder.path })
    expect(mask).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--sparsity 0.5') })
  })

  it('says so when a share rounds to no unit, and when it is all of them', async () => {
    await using folder = await fixture()
    const none = await pare(['prune', 'model.onnx', '--structure', 'neuron', '--ratio', '0.0001'], { cwd: folder.path })
    expect(none).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('no neuron unit was removed') })
    expect(none.stdout).toContain('parameters  50,826, as before')
    const all = await pare(['prune', 'model.onnx', '--structure', 'neuron', '--ratio', '1'], { cwd: folder.path })
    expect(all).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('something of each group must remain') })
  })

  it('says so when there is nothing to cut', async () => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--structure', 'channel'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain("structure 'channel' finds nothing to prune")
  })

  it('lists the groups of a model', async () => {
    const { stdout } = await pare(['inspect', join(TEST_MODELS, 'kjv-bert.onnx'), '--structure', 'head', '--json'], {
      cwd: TEST_MODELS,
    })
    expect((JSON.parse(stdout) as { groups: { units: number }[] }).groups.map(({ units }) => units)).toEqual([4, 4, 4, 4])
  })
})
