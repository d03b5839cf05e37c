import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { runResults } from '@pare/report'
import { expect, it } from 'vitest'
import { fixture } from './testing/folder.js'
import { installPacked } from './testing/install.js'

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))

it('a third-party criterion works from packed packages, by name and by import', async () => {
  await using folder = await fixture()
  await installPacked(folder.path, [join(FIXTURES, 'third-party/pare-criterion-distance')])
  const hashes = []
  for (const config of ['by-name/pare.config.json', 'by-import/pare.config.ts']) {
    await cp(join(FIXTURES, config), join(folder.path, config))
    const args = [join(folder.path, 'node_modules/@pare/cli/bin/pare.js'), 'run', '--json', '--config', join(folder.path, config)]
    for (const file of ['model.onnx', 'val.npz']) await cp(join(folder.path, file), join(folder.path, config, '..', file))
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder.path })
    const { models } = runResults.parse(JSON.parse(stdout))
    expect(models[0]?.steps).toEqual(['distance on element, global, sparsity 0.25'])
    expect(models[0]?.sparsity?.after).toBe(0.25)
    hashes.push(models[0]?.pruned?.sha256)
  }
  expect(hashes[0]).toBe(hashes[1])
}, 120_000)
