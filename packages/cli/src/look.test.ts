import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from './testing/folder.js'
import { pareInProcess as pare } from './testing/terminal.js'
import type { InspectView } from './views/inspection-facts.js'

interface PruneView {
  readonly groups: readonly { readonly id: string; readonly removed: number }[]
  readonly parameters: { readonly after: number }
  readonly macs: { readonly after: number }
}

describe('pare inspect', () => {
  it('shows inputs, layers, parameters and sparsity', async () => {
    await using folder = await fixture()
    await pare(['prune', 'model.onnx', '--sparsity', '0.25', '--scope', 'tensor', '--out', 'out'], { cwd: folder.path })
    const { exitCode, stdout } = await pare(['inspect', 'out/model.onnx'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    // 0.25 · 50,432 = 12,608 are zero.
    expect(stdout).toContain('parameters  50,826, of them 38,218 not zero')
    expect(stdout).toMatch(/^weight +operator +shape +elements +sparsity$/m)
    expect(stdout).toMatch(/^2\.weight +Gemm +128×256 +32,768 +25\.0 %$/m)
    const all = await pare(['inspect', 'out/model.onnx', '--all'], { cwd: folder.path })
    expect(all.stdout).toMatch(/^2\.weight +\/2\/Gemm +Gemm +128×256 +32,768 +25\.0 %$/m)
  })

  it('says what a unit of each group carries, biases included', async () => {
    await using folder = await fixture()
    const { json } = await pare(['inspect', 'model.onnx', '--structure', 'neuron', '--json'], { cwd: folder.path })
    // A neuron of 64-256-128-10: its row and bias, and its column in the next layer. 64 + 1 + 128, and 256 + 1 + 10.
    expect(json()).toMatchObject({
      structures: [{ name: 'neuron', kind: 'cut', groups: 2, units: 384, parameters: 50_816, declined: 0 }],
      groups: [
        { id: '0.weight:0', units: 256, unitParameters: { least: 193, most: 193 }, unitMacs: { least: 192, most: 192 } },
        { id: '2.weight:0', units: 128, unitParameters: { least: 267, most: 267 }, unitMacs: { least: 266, most: 266 } },
      ],
    })
  })

  it.each([
    'mnist-resnet20-bn',
    'mnist-mobilenet-folded',
    'kjv-bert',
    'lm-llama',
    'untrained/vit',
    'untrained/densenet',
  ])('what a unit of %s carries is what goes when it is cut', async (name) => {
    await using folder = await fixture()
    const model = join(TEST_MODELS, `${name}.onnx`)
    const { json } = await pare(['inspect', model, '--json'], { cwd: folder.path })
    const { groups, parameters, macs } = json() as unknown as InspectView
    for (const structure of new Set(groups.filter(({ unitMacs }) => unitMacs).map((group) => group.structure))) {
      const own = groups.filter((group) => group.structure === structure)
      // A ratio that takes one unit of the first group, and as few as that of others.
      const [first] = own
      const share = String(0.6 / first!.units)
      const args = ['--structure', structure, '--ratio', share, '--no-prove', '--out', structure, '--json']
      const pruned = (await pare(['prune', model, ...args], { cwd: folder.path })).json() as unknown as PruneView
      const removed = new Map(pruned.groups.map((group) => [group.id, group.removed]))
      const sum = (of: (group: InspectView['groups'][number]) => number) =>
        own.reduce((total, group) => total + of(group) * removed.get(group.id)!, 0)
      const gone = { parameters: parameters.total - pruned.parameters.after, macs: macs! - pruned.macs.after }
      expect(gone.parameters).toBeLessThanOrEqual(sum(({ unitParameters }) => unitParameters!.most))
      expect(gone.macs).toBeLessThanOrEqual(sum(({ unitMacs }) => unitMacs!.most))
      // What two units hold together is a small part.
      expect(gone.parameters).toBeGreaterThan(0.8 * sum(({ unitParameters }) => unitParameters!.least))
      expect(gone.macs).toBeGreaterThan(0.8 * sum(({ unitMacs }) => unitMacs!.least))
      if ([...removed.values()].reduce((a, b) => a + b) === 1)
        expect(gone.parameters).toBeGreaterThanOrEqual(sum(({ unitParameters }) => unitParameters!.least))
    }
  })

  it('folds what is alike, and lists all structures, also those without anything', async () => {
    const { stdout } = await pare(['inspect', join(TEST_MODELS, 'kjv-bert.onnx')], { cwd: '/' })
    expect(stdout).toMatch(/^head +cuts +4 +16 +263,680 +24\.3 % +0$/m)
    expect(stdout).toContain("Nothing here for channel, expert: the reasons stand under 'Left alone'.")
    expect(stdout).toMatch(/^ {2}channel the model\n {4}nothing of its kind; what weights make here: /m)
    expect(stdout).toMatch(/^\/layer\.\*\/query\/MatMul +×4 +MatMul +128×128 +16,384 +0\.0 %$/m)
    // 128 · 32 of each of four matrices, and three biases of 32; MACs are without biases.
    expect(stdout).toMatch(/^head +\/layer\.\*\/query\/MatMul +×4 +4 +16,480 +16,384$/m)
    for (const line of stdout.split('\n').slice(1)) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('says what is left alone and why', async () => {
    const { stdout, json } = await pare(['inspect', join(TEST_MODELS, 'untrained/vit.onnx'), '--json'], { cwd: '/' })
    expect(stdout).not.toBe('')
    expect(json()).toMatchObject({
      schemaVersion: 1,
      command: 'inspect',
      model: { opset: 17 },
      declined: [
        { id: 'conv_proj.weight:0', structure: 'channel', reason: expect.stringContaining('normalisation') },
        { id: 'the model', structure: 'expert', reason: 'it has no mixture of experts' },
        { id: 'conv_proj.weight', structure: 'nm', reason: expect.stringContaining('fewer than 4') },
      ],
    })
  })
})
