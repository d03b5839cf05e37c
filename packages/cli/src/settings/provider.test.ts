import { copyFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PROVIDERS } from '@pare/evaluate'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')
const there = ort.listSupportedBackends().map(({ name }) => name)
const lacking = PROVIDERS.find((name) => !there.includes(name))!

async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await fixture(undefined, files)
  await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
  return folder
}

/** All that runs a model, each in a way of its own. */
const COMMANDS = [
  'evaluate model.onnx --data val.npz --metric accuracy',
  'bench model.onnx model.onnx --runs 6 --threads 1 --batch 1',
  'prune model.onnx --criterion wanda --calibrate calibrate.npz --samples 64',
  'prune model.onnx --structure neuron --criterion sensitivity --calibrate calibrate.npz --samples 8 --no-prove',
  'prune model.onnx --structure neuron',
  'plan model.onnx --criterion wanda --calibrate calibrate.npz --samples 64',
  'calibrate model.onnx --data calibrate.npz --samples 64 --out stats.pare',
  'sensitivity model.onnx --data val.npz --samples 4 --sparsities 0.5',
]

describe('--provider', () => {
  it('takes the names that there are', async () => {
    await using folder = await folderWith()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--provider', 'gpu'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain("--provider is 'gpu'; expected cpu, cuda, webgpu, dml or coreml.")
  })

  it.each(COMMANDS)('%s: one that is not there is an error, and cpu is what the results name', async (command) => {
    await using folder = await folderWith()
    const refused = await pare([...command.split(' '), '--provider', lacking], { cwd: folder.path })
    expect(refused.exitCode).toBeGreaterThan(0)
    expect(refused.stderr).toContain(`provider '${lacking}': ONNX Runtime`)
    expect(refused.stderr).toMatch(/it has cpu/)
    const { exitCode, json } = await pare([...command.split(' '), '--json'], { cwd: folder.path })
    expect([exitCode, json()]).toEqual([0, expect.objectContaining({ executionProvider: 'cpu' })])
  })

  it('stands in the config, which an option wins over, and in the results of a run', async () => {
    const config = { provider: lacking, models: [{ path: 'model.onnx' }], evaluate: { data: 'val.npz' }, gate: { maxDrop: 0.1 } }
    await using folder = await folderWith({ 'pare.config.json': JSON.stringify(config) })
    const refused = (await pare(['run', '--json'], { cwd: folder.path })).json()
    expect(refused).toMatchObject({ verdict: 'incomplete', environment: { executionProvider: lacking } })
    expect(refused).toHaveProperty('models.0.reasons.0', expect.stringContaining(`provider '${lacking}'`))
    const passed = await pare(['run', '--json', '--provider', 'cpu'], { cwd: folder.path })
    expect(passed.json()).toMatchObject({ verdict: 'pass', environment: { executionProvider: 'cpu' } })
  })

  it('is part of a file of statistics, and of the plan that was made with them', async () => {
    await using folder = await folderWith()
    const run = (command: string) => pare(command.split(' '), { cwd: folder.path })
    await run('calibrate model.onnx --data calibrate.npz --samples 64 --out stats.pare')
    const { json } = await run('prune model.onnx --criterion wanda --calibrate stats.pare --json')
    expect(json()).toMatchObject({ calibration: { samples: 64, executionProvider: 'cpu' } })
  })
})
