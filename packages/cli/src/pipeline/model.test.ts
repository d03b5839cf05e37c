import { createHash } from 'node:crypto'
import { readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { editTensor, openModel, readAll, withTensors, writeModel } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const hashOf = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

describe('pare prune', () => {
  it('prints the fields that others rely on, with exact numbers', async () => {
    await using folder = await fixture()
    const { exitCode, json } = await pare(['prune', 'model.onnx', '--sparsity', '0.5', '--out', 'out', '--json'], {
      cwd: folder.path,
    })
    expect(exitCode).toBe(0)
    const document = json()
    expect(Object.keys(document)).toEqual([
      ...[
        'schemaVersion',
        'command',
        'device',
        'model',
        'output',
        'plan',
        'sparsity',
        'parameters',
        'macs',
        'layers',
        'groups',
        'declined',
      ],
      ...['executionProvider', 'durationMs', 'peakMemoryBytes'],
    ])
    const [model, output] = [join(folder.path, 'model.onnx'), join(folder.path, 'out/model.onnx')]
    expect(document).toMatchObject({
      schemaVersion: 1,
      command: 'prune',
      model: { path: 'model.onnx', bytes: (await stat(model)).size, sha256: await hashOf(model) },
      output: { path: 'out/model.onnx', bytes: (await stat(output)).size, sha256: await hashOf(output) },
      plan: { path: 'out/model.plan.json' },
      // 64·256 + 256·128 + 128·10 = 50,432 weights, half of them go; 394 biases stay.
      sparsity: { before: 0, after: 0.5, target: 0.5 },
      parameters: { before: 50_826, after: 50_826, nonzero: 25_610 },
      macs: { before: 50_432, after: 50_432 },
    })
    expect(document.layers).toHaveLength(3)
    const removed = (document.groups as { units: number; removed: number }[]).reduce((sum, group) => sum + group.removed, 0)
    expect(removed).toBe(25_216)
    expect(document.durationMs).toBeGreaterThan(0)
    expect(document.peakMemoryBytes).toBeGreaterThan(1e7)
  })

  it('leaves every other tensor as it was', async () => {
    await using folder = await fixture()
    await pare(['prune', 'model.onnx', '--out', 'out'], { cwd: folder.path })
    await using before = await openModel(join(folder.path, 'model.onnx'))
    await using after = await openModel(join(folder.path, 'out/model.onnx'))
    const biases = before.model.graph.initializers.filter(({ name }) => name.endsWith('bias'))
    expect(biases).toHaveLength(3)
    for (const bias of biases) {
      const same = after.model.graph.initializers.find(({ name }) => name === bias.name)
      expect(await readAll(same!.data)).toEqual(await readAll(bias.data))
    }
  })

  it('writes to ./pare-out/<model name>/ unless told otherwise, and over an earlier result', async () => {
    await using folder = await fixture()
    const first = await pare(['prune', 'model.onnx', '--sparsity', '0.2'], { cwd: folder.path })
    const second = await pare(['prune', 'model.onnx', '--sparsity', '0.4'], { cwd: folder.path })
    expect([first.exitCode, second.exitCode]).toEqual([0, 0])
    expect(await folder.files()).toEqual(['model.onnx', 'pare-out/model/model.onnx', 'pare-out/model/model.plan.json', 'val.npz'])
    expect(second.stdout).toContain('0.0 % → 40.0 % of 3 weights')
    expect(second.stdout).toContain('pare-out/model/model.plan.json')
  })

  it('never writes onto its input, under whatever name', async () => {
    await using folder = await fixture(undefined, { 'other/note.txt': '' })
    await symlink(folder.path, join(folder.path, 'link'))
    await symlink(join(folder.path, 'model.onnx'), join(folder.path, 'other/model.onnx'))
    const before = await hashOf(join(folder.path, 'model.onnx'))
    for (const out of ['.', 'link', 'other']) {
      const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--out', out], { cwd: folder.path })
      expect(exitCode).toBe(2)
      expect(stderr).toContain('is the input itself, and inputs are never overwritten.')
      expect(stderr).toContain('--out')
    }
    expect(await hashOf(join(folder.path, 'model.onnx'))).toBe(before)
  })

  it('refuses an --out that is a file', async () => {
    await using folder = await fixture(undefined, { out: 'a file' })
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--out', 'out'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('cannot be made')
  })

  it('takes a threshold, a scope, a seed and globs', async () => {
    await using folder = await fixture()
    const argv = [
      'prune',
      'model.onnx',
      '--json',
      '--scope',
      'tensor',
      '--exclude',
      '4.weight',
      '--seed',
      '5',
      '--criterion',
      'random',
    ]
    const document = (await pare([...argv, '--sparsity', '0.25'], { cwd: folder.path })).json() as {
      layers: { name: string; sparsity: { after: number } }[]
      declined: unknown
    }
    expect(document.layers.map(({ name, sparsity }) => [name, sparsity.after])).toEqual([
      ['0.weight', 0.25],
      ['2.weight', 0.25],
    ])
    expect(document.declined).toEqual([{ id: '4.weight', structure: 'element', reason: 'named by --exclude' }])
    const threshold = await pare(['prune', 'model.onnx', '--threshold', '0.05', '--json'], { cwd: folder.path })
    const { sparsity } = threshold.json() as { sparsity: Record<string, number> }
    expect(Object.keys(sparsity)).toEqual(['before', 'after'])
    expect(sparsity.after).toBeGreaterThan(0)
  })

  it('says which glob matches nothing', async () => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--exclude', '/lm_head/*'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain("--exclude '/lm_head/*' matches no weight")
  })

  it('is silent when quiet, and says only paths and numbers otherwise', async () => {
    await using folder = await fixture()
    const quiet = await pare(['prune', 'model.onnx', '--quiet'], { cwd: folder.path })
    expect({ ...quiet, json: undefined }).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
    const json = await pare(['prune', 'model.onnx', '--json'], { cwd: folder.path })
    expect(json.stderr).toBe('model.onnx: deciding what goes\nmodel.onnx: writing\n')
  })
})

describe('a model with external data', () => {
  const external = async (folder: string) => {
    await using file = await openModel(join(folder, 'model.onnx'))
    const model = withTensors(file.model, (tensor) => editTensor(tensor, { storage: 'external' }))
    await writeModel(model, join(folder, 'external.onnx'))
  }

  it('is pruned into a model with its data beside it, and the input keeps its own', async () => {
    await using folder = await fixture()
    await external(folder.path)
    const data = await hashOf(join(folder.path, 'external.onnx.data'))
    const { json, exitCode } = await pare(['prune', 'external.onnx', '--out', 'out', '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({
      model: { external: [{ name: 'external.onnx.data', sha256: data }] },
      sparsity: { after: 0.5 },
    })
    expect(await hashOf(join(folder.path, 'external.onnx.data'))).toBe(data)
    const measured = await pare(['evaluate', 'out/external.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--json'], {
      cwd: folder.path,
    })
    expect(measured.json()).toMatchObject({ samples: 450 })
  })

  it('replays a plan, and not one made for other data', async () => {
    await using folder = await fixture()
    await external(folder.path)
    await pare(['plan', 'external.onnx', '--out', 'planned'], { cwd: folder.path })
    const replay = ['replay', 'planned/external.plan.json', 'external.onnx', '--out', 'replayed']
    expect(await pare(replay, { cwd: folder.path })).toMatchObject({ exitCode: 0 })
    const data = join(folder.path, 'external.onnx.data')
    const bytes = await readFile(data)
    bytes[1000]! ^= 1
    await writeFile(data, bytes)
    const refused = await pare(replay, { cwd: folder.path })
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('and external.onnx.data of external.onnx has')
  })
})

describe('pare plan and pare replay', () => {
  it('give the same bytes as pare prune', async () => {
    await using folder = await fixture()
    await pare(['prune', 'model.onnx', '--sparsity', '0.7', '--out', 'pruned'], { cwd: folder.path })
    const plan = await pare(['plan', 'model.onnx', '--sparsity', '0.7', '--out', 'planned', '--json'], { cwd: folder.path })
    expect(plan.json()).toMatchObject({
      command: 'plan',
      plan: { path: 'planned/model.plan.json' },
      sparsity: { after: expect.closeTo(0.7, 4) },
    })
    expect(await folder.files()).not.toContain('planned/model.onnx')
    // The plan says nothing of the machine it was made on.
    expect(await readFile(join(folder.path, 'planned/model.plan.json'), 'utf8')).toBe(
      await readFile(join(folder.path, 'pruned/model.plan.json'), 'utf8'),
    )
    expect(await readFile(join(folder.path, 'planned/model.plan.json'), 'utf8')).not.toContain(folder.path)
    const replay = await pare(['replay', 'planned/model.plan.json', 'model.onnx', '--out', 'replayed', '--json'], {
      cwd: folder.path,
    })
    expect(replay.exitCode).toBe(0)
    const expected = await hashOf(join(folder.path, 'pruned/model.onnx'))
    expect(replay.json()).toMatchObject({ command: 'replay', output: { path: 'replayed/model.onnx', sha256: expected } })
    expect(await hashOf(join(folder.path, 'replayed/model.onnx'))).toBe(expected)
  })

  it('refuse a plan of another model, and what is no plan', async () => {
    await using folder = await fixture(undefined, { 'text.json': 'no JSON', 'other.json': '{"schemaVersion": 2}' })
    await pare(['plan', join(TEST_MODELS, 'mnist-resnet20-bn.onnx'), '--out', 'planned'], { cwd: folder.path })
    const other = await pare(['replay', 'planned/mnist-resnet20-bn.plan.json', 'model.onnx'], { cwd: folder.path })
    expect(other).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/was made for .*resnet20-bn.onnx with SHA-256 f1bbe3922b9d…, and model.onnx has/),
    })
    for (const [plan, message] of [
      ['absent.json', 'cannot be read (ENOENT)'],
      ['text.json', 'text.json is not JSON'],
      ['other.json', 'other.json is not a plan'],
    ] as const) {
      expect(await pare(['replay', plan, 'model.onnx'], { cwd: folder.path })).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(message),
      })
    }
    expect(await folder.files()).not.toContainEqual(expect.stringContaining('pare-out'))
  })
})
