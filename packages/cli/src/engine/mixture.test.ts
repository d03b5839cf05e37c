import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

/** The MLP on digits with two files of inputs, a.npz and b.npz, and a config. */
async function folderWith(config: object = {}): Promise<Folder> {
  const folder = await fixture(undefined, { 'pare.config.json': JSON.stringify(config) })
  await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'a.npz'))
  await copyFile(join(TEST_MODELS, 'data/digits-evaluate.npz'), join(folder.path, 'b.npz'))
  return folder
}

const run = (folder: Folder, command: string) => pare(command.split(' '), { cwd: folder.path })
const WANDA = 'prune model.onnx --criterion wanda --sparsity 0.5'
const bytesOf = (folder: Folder, path: string) => readFile(join(folder.path, path, 'model.onnx'))

describe('calibration data of several files', () => {
  const MIXED = '--calibrate a.npz --calibrate b.npz:weight=3 --samples 128'

  it('are counted and told, in the plan too, and replay to the same bytes', async () => {
    await using folder = await folderWith()
    const { exitCode, stdout } = await run(folder, `${WANDA} ${MIXED} --out out`)
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('calibrated  128 samples, 32 of a.npz and 96 of b.npz')])
    const plan = JSON.parse(await readFile(join(folder.path, 'out/model.plan.json'), 'utf8'))
    expect(plan.calibration).toMatchObject({
      path: 'a.npz, b.npz:weight=3',
      samples: 128,
      parts: [
        { path: 'a.npz', samples: 32 },
        { path: 'b.npz', samples: 96 },
      ],
    })
    await run(folder, 'replay out/model.plan.json model.onnx --out replayed')
    expect(await bytesOf(folder, 'replayed')).toEqual(await bytesOf(folder, 'out'))
  })

  it('give what neither file gives alone, the same from statistics that were kept, and the same in a config', async () => {
    await using folder = await folderWith({
      models: [{ path: 'model.onnx', prune: [{ criterion: 'wanda', target: { sparsity: 0.5 } }] }],
      calibrate: { data: ['a.npz', { data: 'b.npz', weight: 3 }], samples: 128 },
    })
    await run(folder, `${WANDA} ${MIXED} --out mixed`)
    for (const [alone, i] of [['a.npz', 1] as const, ['b.npz', 2] as const]) {
      await run(folder, `${WANDA} --calibrate ${alone} --samples 128 --out alone${i}`)
      expect(await bytesOf(folder, `alone${i}`)).not.toEqual(await bytesOf(folder, 'mixed'))
    }
    const { stdout } = await run(folder, 'calibrate model.onnx --data a.npz --data b.npz:weight=3 --samples 128 --out stats.pare')
    expect(stdout).toContain('wanda on 128 samples, 32 of a.npz and 96 of b.npz')
    await run(folder, `${WANDA} --calibrate stats.pare --out kept`)
    expect(await bytesOf(folder, 'kept')).toEqual(await bytesOf(folder, 'mixed'))
    await run(folder, 'run')
    expect(await bytesOf(folder, 'pare-out')).toEqual(await bytesOf(folder, 'mixed'))
  })

  it('that cannot be mixed are told by name', async () => {
    await using folder = await folderWith()
    await run(folder, 'calibrate model.onnx --data a.npz --samples 64 --out stats.pare')
    const statistics = await run(folder, `${WANDA} --calibrate stats.pare --calibrate a.npz`)
    expect([statistics.exitCode, statistics.stderr]).toEqual([
      2,
      expect.stringContaining('mixes stats.pare, which holds statistics'),
    ])
    const missing = await run(folder, `${WANDA} --calibrate a.npz --calibrate c.npz`)
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining("calibration data 'c.npz' is not a file")])
    const weightless = await run(folder, `${WANDA} --calibrate a.npz --calibrate b.npz:weight=0`)
    expect([weightless.exitCode, weightless.stderr]).toEqual([2, expect.stringContaining("--calibrate is 'b.npz:weight=0'")])
  })
})
