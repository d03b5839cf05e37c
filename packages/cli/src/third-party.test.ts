import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { runResults } from '@pare/report'
import { expect, it } from 'vitest'
import { fixture, TEST_MODELS } from './testing/folder.js'
import { installPacked } from './testing/install.js'

const PARE = (folder: string) => join(folder, 'node_modules/@pare/cli/bin/pare.js')
const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))

it('a third-party criterion works from packed packages, by name and by import', async () => {
  await using folder = await fixture()
  const plugins = ['pare-criterion-distance', 'pare-criterion-steady'].map((name) => join(FIXTURES, 'third-party', name))
  await installPacked(folder.path, plugins)
  const hashes = []
  for (const config of ['by-name/pare.config.json', 'by-import/pare.config.ts']) {
    await cp(join(FIXTURES, config), join(folder.path, config))
    const args = [PARE(folder.path), 'run', '--json', '--config', join(folder.path, config)]
    for (const file of ['model.onnx', 'val.npz']) await cp(join(folder.path, file), join(folder.path, config, '..', file))
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder.path })
    const { models } = runResults.parse(JSON.parse(stdout))
    expect(models[0]?.steps).toEqual(['distance on element, global, sparsity 0.25'])
    expect(models[0]?.sparsity?.after).toBe(0.25)
    hashes.push(models[0]?.pruned?.sha256)
  }
  expect(hashes[0]).toBe(hashes[1])

  // One that brings its own statistic, in a folder with nothing but a config, a model and data.
  await cp(join(FIXTURES, 'steady/pare.config.json'), join(folder.path, 'steady/pare.config.json'))
  for (const file of ['model.onnx', 'val.npz']) await cp(join(folder.path, file), join(folder.path, 'steady', file))
  await cp(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'steady/calibrate.npz'))
  const { stdout } = await promisify(execFile)(process.execPath, [PARE(folder.path), 'run', '--json'], {
    cwd: join(folder.path, 'steady'),
  })
  const [model] = runResults.parse(JSON.parse(stdout)).models
  expect(model).toMatchObject({ verdict: 'pass', calibration: { path: 'calibrate.npz', samples: 100 } })
  expect(model?.steps?.[0]).toBe('steady on neuron, group, ratio 0.25')
}, 300_000)
