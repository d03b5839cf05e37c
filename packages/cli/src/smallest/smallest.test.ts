import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { zippedSize } from '../pipeline/facts/zipped.js'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const RUN = ['run', 'model.onnx', '--data', 'val.npz', '--target', 'max-drop=0.02']

describe('pare run --target max-drop', () => {
  it('finds elements that can go on one part of the data, judges on the other, and does not try again', async () => {
    await using folder = await fixture()
    const argv = [...RUN, '--quantisers', 'none', '--trials', '4', '--json']
    const first = await pare(argv, { cwd: folder.path })
    const [model] = runResults.parse(first.json()).models
    const { smallest, data, pruned, steps } = model!
    expect(first.exitCode).toBe(model!.verdict === 'pass' ? 0 : 1)
    // Both parts hold all 450 samples between them.
    expect(smallest!.data).toMatchObject({ path: 'val.npz', isSplit: true })
    expect(smallest!.data.samples + data!.samples).toBe(450)
    expect(smallest).toMatchObject({ ended: 'trials', known: 0, certainty: 0.95, maxDrop: 0.02, metric: 'accuracy' })
    expect(smallest!.tried.length).toBe(4)
    const { chosen, tried } = smallest!
    const best = tried.find(({ ratio }) => ratio === chosen!.ratio)!
    expect(best).toMatchObject({ outcome: 'pass', bits: 'none' })
    for (const { outcome, size } of tried)
      if (outcome === 'pass') expect(size!.zippedBytes).toBeGreaterThanOrEqual(best.size!.zippedBytes)
    // What was chosen is what was written.
    expect(await zippedSize(join(folder.path, pruned!.path), new AbortController().signal)).toBe(best.size!.zippedBytes)
    expect(steps).toContainEqual(expect.stringContaining(`sparsity ${chosen!.ratio}`))
    const second = await pare(argv, { cwd: folder.path })
    const again = runResults.parse(second.json()).models[0]!
    expect(again.smallest).toMatchObject({ known: 4, tried, chosen })
    expect(again.pruned!.sha256).toBe(pruned!.sha256)
    // One more trial is the only one that is made.
    const more = await pare([...argv.slice(0, -2), '5', '--json'], { cwd: folder.path })
    expect(runResults.parse(more.json()).models[0]!.smallest).toMatchObject({ known: 4 })
    expect((await readdir(join(folder.path, 'pare-out/model.smallest'))).length).toBe(5)
  })

  it('cuts units, takes fewer bits, and tells in terminal, page and summary', async () => {
    await using folder = await fixture()
    const argv = [...RUN, '--structure', 'neuron', '--quantisers', 'none,int8', '--trials', '3', '--out', 'out']
    const { exitCode, stdout, stderr } = await pare(argv, { cwd: folder.path })
    expect([0, 1]).toContain(exitCode)
    expect(stderr).toMatch(/trial 1: unpruned, int8: [\d.]+.kB zipped, drop [−\d.]+/)
    expect(stdout).toContain('3 candidates were tried')
    expect(stdout).toMatch(/candidate +zipped +accuracy +drop \(95 % interval\)/)
    expect(await readFile(join(folder.path, 'out/summary.md'), 'utf8')).toContain('| Candidate | Zipped |')
    expect(await readFile(join(folder.path, 'out/report.html'), 'utf8')).toContain('The smallest that passes')
  })

  it('fails where nothing passes, writes no model, and tells what it tried', async () => {
    await using folder = await fixture()
    // 450 samples cannot show that nothing at all is lost.
    const argv = ['run', 'model.onnx', '--data', 'val.npz', '--target', 'max-drop=0', '--quantisers', 'int4', '--json']
    const { exitCode, json } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(1)
    const [model] = runResults.parse(json()).models
    expect(model).toMatchObject({ verdict: 'fail', smallest: { ended: 'finished' } })
    expect(model!.pruned).toBeUndefined()
    expect(model!.smallest!.tried).toMatchObject([{ ratio: 0, bits: 'int4', outcome: 'fail' }])
    expect(model!.reasons[0]).toContain(
      'None of 1 candidate is smaller than the reference and keeps the drop of accuracy within 0',
    )
    await expect(stat(join(folder.path, 'pare-out/model.onnx'))).rejects.toThrow()
  })

  it('searches on data of its own where they are named', async () => {
    await using folder = await fixture()
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'search.npz'))
    const config = {
      models: [{ path: 'model.onnx' }],
      prune: [
        { structure: 'neuron', target: { maxDrop: 0.02 } },
        { structure: 'element', target: { sparsity: 0.3 } },
      ],
      evaluate: { data: 'val.npz', metric: 'accuracy' },
      search: { data: 'search.npz', trials: 2, quantisers: ['none'], certainty: 0.6 },
    }
    await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(config))
    const { json } = await pare(['run', '--json'], { cwd: folder.path })
    const [model] = runResults.parse(json()).models
    expect(model!.smallest).toMatchObject({ data: { path: 'search.npz', samples: 1347, isSplit: false }, certainty: 0.6 })
    // The gate has all of its own.
    if (model!.data !== undefined) expect(model!.data.samples).toBe(450)
    // The other step is as it was said, also where the free one is left out.
    for (const { ratio } of model!.smallest!.tried) expect(ratio).toBeGreaterThan(0)
  })
})

describe('several steps whose target is the drop', () => {
  it('are tried with ratios of their own once one for all is found, and told', async () => {
    await using folder = await fixture()
    const config = {
      models: [{ path: 'model.onnx' }],
      prune: ['neuron', 'element'].map((structure) => ({ structure, target: { maxDrop: 0.05 } })),
      evaluate: { data: 'val.npz', metric: 'accuracy' },
      search: { quantisers: ['none'], certainty: 0.6, trials: 8 },
      baselines: false,
    }
    await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(config))
    const { json } = await pare(['run', '--json'], { cwd: folder.path })
    const [model] = runResults.parse(json()).models
    const { chosen, tried, ended } = model!.smallest!
    expect(ended).toBe('trials')
    const byStep = tried.filter(({ ratios }) => ratios !== undefined)
    expect(byStep.length).toBeGreaterThan(0)
    for (const { ratio, ratios } of byStep) expect(Math.max(...ratios!)).toBe(ratio)
    for (const { drop, kl } of tried) expect(kl !== undefined).toBe(drop !== undefined)
    expect(chosen).toBeDefined()
    expect(await readFile(join(folder.path, 'pare-out/report.html'), 'utf8')).toContain(
      `ratios ${byStep[0]!.ratios!.join(' / ')}`,
    )
  })
})

describe('pare prune --target max-drop', () => {
  it('searches on the data that are named, and judges nothing', async () => {
    await using folder = await fixture()
    const argv = [
      'prune',
      'model.onnx',
      '--data',
      'val.npz',
      '--target',
      'max-drop=0.02',
      '--trials',
      '2',
      '--quantisers',
      'int8',
    ]
    const { exitCode, stdout } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('on 450 samples of')
    expect(stdout).toContain('pare run judges it on samples that the search did not see')
  })
})

describe('what cannot be searched for', () => {
  it.each<[string, string[], string]>([
    ['without data', ['prune', 'model.onnx', '--target', 'max-drop=0.02'], 'there are no evaluation data'],
    ['in a plan', ['plan', 'model.onnx', '--target', 'max-drop=0.02'], 'which pare plan does not'],
    ['where a structure says how much', [...RUN, '--structure', '2:4'], "structure 'nm' says how much goes"],
    [
      'with options of a search and no drop',
      ['run', 'model.onnx', '--data', 'val.npz', '--minutes', '3'],
      'nothing is searched for',
    ],
    [
      'with data that nothing measures',
      ['prune', 'model.onnx', '--data', 'val.npz'],
      'pare prune measures nothing unless it searches',
    ],
    ['with forms that there are not', [...RUN, '--quantisers', 'int3'], 'expected one or more of none, int8'],
    ['with a drop in other words', ['run', 'model.onnx', '--data', 'val.npz', '--target', 'max-drop=lots'], '--target is'],
  ])('is told %s', async (_, argv, message) => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
  })
})
