import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

async function project(): Promise<Folder> {
  const folder = await fixture()
  await copyFile(join(TEST_MODELS, 'mlp-digits.onnx'), join(folder.path, 'model.onnx'))
  await copyFile(join(TEST_MODELS, 'data/digits-evaluate.npz'), join(folder.path, 'val.npz'))
  await writeFile(join(folder.path, 'wrong.csv'), 'a,b,label\n1,2,0\n')
  return folder
}

describe('before anything is pruned', () => {
  it('all data are looked at, and everything that is wrong is told', async () => {
    await using folder = await project()
    const argv = ['model.onnx', '--data', 'wrong.csv', '--criterion', 'wanda', '--calibrate', 'wrong.csv', '--sparsity', '0.5']
    for (const command of ['run', 'check']) {
      const { exitCode, stderr } = await pare([command, ...argv], { cwd: folder.path })
      expect(exitCode).toBe(2)
      expect(stderr).toContain('pare: 2 problems with the data')
      expect(stderr).toContain('model.onnx, evaluation data: wrong.csv: 2 columns (')
      expect(stderr).toContain('model.onnx, calibration data: wrong.csv')
    }
    expect((await folder.files()).filter((file) => file.startsWith('pare-out'))).toEqual([])
  })

  it('pare check says what there is, and writes nothing', async () => {
    await using folder = await project()
    const before = await folder.files()
    const { exitCode, stdout } = await pare(['check', 'model.onnx', '--data', 'val.npz'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/model\.onnx +evaluation +val\.npz +450 +1: 46, 3: 46/)
    const { json } = await pare(['check', 'model.onnx', '--data', 'val.npz', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({
      command: 'check',
      data: [
        { model: 'model.onnx', purpose: 'evaluation', samples: 450, isAll: true, read: 450, msPerSample: expect.any(Number) },
      ],
    })
    expect(await folder.files()).toEqual(before)
  })

  it('a model that does not know its labels is told of, unless that is allowed', async () => {
    await using folder = await project()
    const rows = Array.from({ length: 300 }, (_, i) =>
      [...Array.from({ length: 64 }, (_, k) => (i * (k + 3)) % 17), i % 10].join(','),
    )
    const names = [...Array.from({ length: 64 }, (_, k) => `input[${k}]`), 'label']
    await writeFile(join(folder.path, 'odd.csv'), [names.join(','), ...rows].join('\n'))
    const argv = ['run', 'model.onnx', '--data', 'odd.csv', '--sparsity', '0.3']
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(3)
    expect(stderr).toMatch(/^warning: model\.onnx, before anything is pruned: accuracy of 0\.\d+ on 300 samples is /m)
    expect(stderr.indexOf('before anything is pruned')).toBeLessThan(stderr.indexOf('deciding what goes'))
    const checked = await pare(['check', 'model.onnx', '--data', 'odd.csv'], { cwd: folder.path })
    expect(checked.exitCode).toBe(0)
    expect(checked.stdout).toMatch(/^warning: model\.onnx: accuracy of 0\.\d+ on 300 samples is /m)
    expect(checked.stdout).toContain('data can be read and run, but the verdict will be incomplete until the warning above')
    expect(checked.stdout).not.toContain('can be used')
    const allowed = await pare([...argv, '--allow-worthless-reference'], { cwd: folder.path })
    expect(allowed.stderr).not.toContain('before anything is pruned')
  })

  it('a model that does not run here is no model that can be used', async () => {
    await using folder = await project()
    await writeFile(join(folder.path, 'broken.onnx'), 'no model')
    const { exitCode, stdout, stderr } = await pare(['check', 'broken.onnx', '--data', 'val.npz'], { cwd: folder.path })
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(
      /broken\.onnx, evaluation data: .*broken\.onnx: .*not begin with the tag of a field|runs past|not an ONNX/,
    )
  })

  it('what is wrong is told in the name of who asks', async () => {
    await using folder = await project()
    const argv = ['model.onnx', '--data', 'val.npz', '--metric', 'acuracy']
    for (const command of ['run', 'check']) {
      const { exitCode, stderr } = await pare([command, ...argv], { cwd: folder.path })
      expect([exitCode, stderr]).toEqual([
        2,
        expect.stringMatching(new RegExp(`^pare ${command}: metric: metric 'acuracy' is unknown`)),
      ])
    }
  })

  it('a model without evaluation data is told of', async () => {
    await using folder = await project()
    expect((await pare(['check', 'model.onnx'], { cwd: folder.path })).stdout).toContain('model.onnx: no evaluation data')
  })

  it('without any data a model is opened, and what it takes and gives is told', async () => {
    await using folder = await project()
    const { exitCode, stdout } = await pare(['check', 'model.onnx'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('model.onnx: ONNX Runtime opens it.')
    expect(stdout).toMatch(/takes input float32\[\w+, 64\]\n {2}gives logits float32\[\w+, 10\]/)
    expect(stdout).toContain('No data are named, so the model was opened and not run')
    const { json } = await pare(['check', 'model.onnx', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({ models: [{ model: 'model.onnx', inputs: [{ name: 'input', type: 'float32' }] }] })
    await writeFile(join(folder.path, 'broken.onnx'), 'no model')
    const broken = await pare(['check', 'broken.onnx'], { cwd: folder.path })
    expect([broken.exitCode, broken.stdout]).toEqual([2, ''])
    expect(broken.stderr).toContain('broken.onnx')
  })

  it('a limit that a constant answer meets is told', async () => {
    await using folder = await project()
    const args = ['model.onnx', '--data', 'val.npz', '--sparsity', '0.3', '--max-drop', '0.95']
    expect(
      (await pare(['check', 'model.onnx', '--data', 'val.npz', '--max-drop', '0.95'], { cwd: folder.path })).stdout,
    ).toContain('warning: model.onnx: the limit on accuracy (a drop of 0.95) is so loose that always answering 1')
    const { stdout } = await pare(['run', ...args], { cwd: folder.path })
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('The limit on accuracy is so loose that')
  })
})

describe('a config above', () => {
  it('says so, and what is wrong with models that nobody asked about does not matter', async () => {
    await using folder = await project()
    await writeFile(
      join(folder.path, 'pare.config.json'),
      JSON.stringify({
        models: [{ path: 'gone.onnx' }],
        evaluate: { data: 'val.npz', metric: 'accuracy' },
        gate: { maxDrop: 0.5 },
      }),
    )
    await mkdir(join(folder.path, 'sub'))
    const cwd = join(folder.path, 'sub')
    const named = await pare(['run', '../model.onnx', '--sparsity', '0.3', '--json'], { cwd })
    expect({ exitCode: named.exitCode, stderr: named.stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(/config: .*pare\.config\.json, for the models that are named/),
    })
    expect(named.json()).toMatchObject({ source: { config: expect.stringContaining('pare.config.json') } })
    expect((await pare(['run'], { cwd })).exitCode).toBe(2)
  })
})
