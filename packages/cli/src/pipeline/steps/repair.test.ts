import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { recoverOf } from '../../settings/recover.js'
import { type Folder, fixture, TEST_MODELS } from '../../testing/folder.js'
import { pareInProcess as pare } from '../../testing/terminal.js'
import { describeRepair } from './repair.js'

/** The MLP on digits, val.npz, and beside them calibrate.npz. */
async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await fixture(undefined, files)
  await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
  return folder
}

const CUT = 'prune model.onnx --structure neuron --ratio 0.75'
const REPAIR = '--calibrate calibrate.npz --samples 512 --recover repair'
const run = (folder: Folder, command: string) => pare(command.split(' '), { cwd: folder.path })
const accuracyOf = async (folder: Folder, model: string) => {
  const { json } = await run(folder, `evaluate ${model} --data val.npz --metric accuracy --json`)
  return (json().metrics as { accuracy: number }).accuracy
}

describe('--recover repair', () => {
  it('loses at most a third of what the cut alone loses, and replays to the same bytes', async () => {
    await using folder = await folderWith()
    await run(folder, `${CUT} --out cut`)
    const { exitCode, json } = await run(folder, `${CUT} ${REPAIR} --out repaired --json`)
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({ repair: { batchNormalizations: 0, matched: 0, refit: 2, notes: [] } })
    const [whole, cut, repaired] = [
      await accuracyOf(folder, 'model.onnx'),
      await accuracyOf(folder, 'cut/model.onnx'),
      await accuracyOf(folder, 'repaired/model.onnx'),
    ]
    expect(whole - cut).toBeGreaterThan(0.02)
    expect(whole - repaired).toBeLessThan((whole - cut) / 3)
    await run(folder, 'replay repaired/model.plan.json model.onnx --out replayed')
    const bytes = (path: string) => readFile(join(folder.path, path, 'model.onnx'))
    expect(await bytes('replayed')).toEqual(await bytes('repaired'))
  })

  it('is in what plan writes, and replay proves the cut and writes the same bytes', async () => {
    await using folder = await folderWith()
    await run(folder, `${CUT} ${REPAIR} --out repaired`)
    const planned = await run(folder, `plan ${CUT.slice('prune '.length)} ${REPAIR} --out planned --json`)
    expect(planned.json()).toMatchObject({ command: 'plan', repair: { refit: 2 } })
    const replay = 'replay planned/model.plan.json model.onnx'
    const proved = (await run(folder, `${replay} --out replayed --json`)).json()
    expect(proved).toMatchObject({ proofs: [{ step: 'cut', structure: 'neuron', tolerance: 1e-4 }] })
    const bytes = (path: string) => readFile(join(folder.path, path, 'model.onnx'))
    expect(await bytes('replayed')).toEqual(await bytes('repaired'))
    const unproved = (await run(folder, `${replay} --out unproved --no-prove --json`)).json()
    expect(unproved).not.toHaveProperty('proofs')
    expect(await bytes('unproved')).toEqual(await bytes('repaired'))
  })

  it('keeps the zeros of a masked model, and says what it did', async () => {
    await using folder = await folderWith()
    const masked = await run(folder, `prune model.onnx --sparsity 0.8 ${REPAIR}`)
    expect(masked.stdout).toMatch(/repair +3 layers matched/)
    // round(0.2 · 50,432) weights and 394 biases are not zero.
    const { json } = await run(folder, `prune model.onnx --sparsity 0.8 ${REPAIR} --out again --json`)
    expect(json()).toMatchObject({ parameters: { nonzero: 10_086 + 394 }, repair: { matched: 3 } })
  })

  it('without data, or with a file of statistics, is exit 2 and names the option', async () => {
    await using folder = await folderWith({
      'pare.config.json': JSON.stringify({ models: [{ path: 'model.onnx', recover: 'repair' }] }),
    })
    for (const command of ['prune model.onnx --recover repair', 'run']) {
      const { exitCode, stderr } = await run(folder, command)
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('repair needs calibration data, and there are none')])
      expect(stderr).toContain('--calibrate data.npz')
    }
    await run(folder, 'calibrate model.onnx --data calibrate.npz --out stats.pare --samples 64')
    const { exitCode, stderr } = await run(folder, 'prune model.onnx --recover repair --calibrate stats.pare')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('a file of statistics has no inputs to run')])
  })

  it('stands in the results of a run', async () => {
    const model = {
      path: 'model.onnx',
      calibrate: { data: 'calibrate.npz', samples: 256 },
      recover: 'repair',
      prune: [{ target: { sparsity: 0.8 } }],
    }
    const config = { models: [model], evaluate: { data: 'val.npz', metric: 'accuracy' }, gate: { maxDrop: 0.05 } }
    await using folder = await folderWith({ 'pare.config.json': JSON.stringify(config) })
    const { json } = await run(folder, 'run --json')
    const [result] = runResults.parse(json()).models
    expect(result).toMatchObject({ verdict: 'pass', repair: { matched: 3 } })
    expect(result!.steps).toContain('repaired: 3 layers matched')
  })
})

describe('what is done where nothing is said', () => {
  const data = { run: { data: '/c.npz' } }

  it('is nothing, but with a preset and data repair', () => {
    expect(recoverOf(undefined, { isPreset: false, data, overrides: {} })).toEqual({ repair: false })
    expect(recoverOf(undefined, { isPreset: true, data: undefined, overrides: {} })).toEqual({ repair: false })
    expect(recoverOf(undefined, { isPreset: true, data, overrides: {} })).toEqual({ repair: true })
    expect(recoverOf('none', { isPreset: true, data, overrides: {} })).toEqual({ repair: false })
  })
})

it('what was done is told in words', () => {
  const facts = { batchNormalizations: 21, matched: 1, refit: 20, notes: [] }
  expect(describeRepair(facts)).toBe('21 normalisations, 1 layer matched, 20 layers fitted')
  expect(describeRepair({ ...facts, batchNormalizations: 0, matched: 0, refit: 0 })).toBe('nothing to repair')
})
