import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseStatistics } from '@pare/core'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { hashFile } from '../files/hash.js'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pare, type Session } from '../testing/terminal.js'
import { collectPaddedValues } from './padded-values.js'

/** The MLP on digits, val.npz, and beside them calibrate.npz: 1,347 samples, 6 chunks of 256. */
async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await fixture(undefined, files)
  await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
  return folder
}

const run = (folder: Folder, command: string) => pare(command.split(' '), { cwd: folder.path })
const bytesOf = (folder: Folder, file: string) => readFile(join(folder.path, file))
const hashOf = async (path: string) => {
  await using hashing = hashFile(path)
  return hashing.digest()
}

/** An .npy array [1, 64] of one number. */
function npyOf(value: number): Buffer {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64), }".padEnd(117, ' ')
  const head = Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([118, 0]), Buffer.from(`${header}\n`)])
  return Buffer.concat([head, Buffer.from(new Float32Array(64).fill(value).buffer)])
}

describe('criteria that look at data', () => {
  it('prune with them, and the plan says on what', async () => {
    await using folder = await folderWith()
    const session = await run(folder, 'prune model.onnx --criterion wanda --calibrate calibrate.npz --samples 300 --json')
    expect(session).toMatchObject({ exitCode: 0 })
    expect(session.stderr).toContain('model.onnx: calibrated on 300 samples of calibrate.npz')
    const calibration = { path: 'calibrate.npz', sha256: await hashOf(join(folder.path, 'calibrate.npz')), samples: 300 }
    expect(session.json()).toMatchObject({ calibration, sparsity: { after: 0.5 } })
    const plan = JSON.parse(String(await bytesOf(folder, 'pare-out/model/model.plan.json'))) as object
    expect(plan).toMatchObject({ calibration })
    // The plan needs no data.
    await run(folder, 'replay pare-out/model/model.plan.json model.onnx --out replayed')
    const [pruned, replayed] = await Promise.all(
      ['pare-out/model', 'replayed'].map((out) => bytesOf(folder, `${out}/model.onnx`)),
    )
    expect(pruned!.equals(replayed!)).toBe(true)
  })

  it('choose other weights than magnitude does within the same rows', async () => {
    await using folder = await folderWith()
    await run(folder, 'prune model.onnx --criterion magnitude --scope row --out magnitude')
    await run(folder, 'prune model.onnx --criterion wanda --calibrate calibrate.npz --out wanda')
    const [magnitude, wanda] = await Promise.all(['magnitude', 'wanda'].map((out) => bytesOf(folder, `${out}/model.onnx`)))
    expect(wanda!.equals(magnitude!)).toBe(false)
  })

  it('cut units, and with one sample too', async () => {
    await using folder = await folderWith()
    const command =
      'prune model.onnx --structure neuron --criterion activation:kind=apoz --calibrate calibrate.npz --samples 1 --json'
    expect((await run(folder, command)).json()).toMatchObject({ calibration: { samples: 1 }, proofs: [{ structure: 'neuron' }] })
  })

  it('go block by block with --sequential, and decide otherwise', async () => {
    await using folder = await folderWith()
    await copyFile(join(TEST_MODELS, 'kjv-bert.onnx'), join(folder.path, 'model.onnx'))
    await copyFile(join(TEST_MODELS, 'data/kjv-calibrate.npz'), join(folder.path, 'text.npz'))
    const prune = 'prune model.onnx --criterion wanda --calibrate text.npz --sparsity 0.5 --samples 32'
    await run(folder, `${prune} --out once`)
    const { exitCode } = await run(folder, `${prune} --sequential --out blocks`)
    const [once, blocks] = await Promise.all(['once', 'blocks'].map((out) => bytesOf(folder, `${out}/model.onnx`)))
    expect(exitCode).toBe(0)
    expect(once!.equals(blocks!)).toBe(false)
  })

  it('say in the results on what they were calibrated, from the config too', async () => {
    const config = {
      models: [
        {
          path: 'model.onnx',
          calibrate: { data: 'calibrate.npz', samples: 64 },
          prune: [{ criterion: 'wanda', sequential: true }],
          evaluate: { data: 'val.npz' },
        },
      ],
    }
    await using folder = await folderWith({ 'pare.config.json': JSON.stringify(config) })
    const [model] = runResults.parse((await run(folder, 'run --json')).json()).models
    expect(model).toMatchObject({ calibration: { path: 'calibrate.npz', samples: 64 }, warnings: [] })
    expect(model!.steps).toEqual(['wanda on element, row, sparsity 0.5, sequential'])
    expect(String(await bytesOf(folder, 'pare-out/report.html'))).toContain('Calibration data')
  })

  it('warn where calibration data are the evaluation data, under whatever name', async () => {
    await using folder = await folderWith()
    await copyFile(join(folder.path, 'val.npz'), join(folder.path, 'copy.npz'))
    await run(folder, 'calibrate model.onnx --data val.npz --out stats.pare')
    for (const data of ['val.npz', 'copy.npz', 'stats.pare']) {
      const session = await run(
        folder,
        `run model.onnx --criterion wanda --calibrate ${data} --data val.npz --max-drop 0.9 --json`,
      )
      const [model] = runResults.parse(session.json()).models
      // Of statistics only the hash of the data is left.
      const warning =
        data === 'stats.pare'
          ? 'the calibration data are the evaluation data'
          : '450 of the 450 evaluation samples that were looked at'
      expect(model!.warnings).toEqual([expect.stringContaining(warning), expect.stringContaining('is so loose')])
    }
  })

  it('do not look at labels', async () => {
    await using folder = await folderWith()
    const rows = (label: string) => Array.from({ length: 4 }, (_, i) => `{"input": [${Array(64).fill(i)}]${label}}`).join('\n')
    await writeFile(join(folder.path, 'with.jsonl'), rows(', "label": 3'))
    await writeFile(join(folder.path, 'without.jsonl'), rows(''))
    for (const data of ['with', 'without']) {
      const prune = `prune model.onnx --criterion wanda --calibrate ${data}.jsonl --out ${data}`
      expect(await run(folder, prune)).toMatchObject({ exitCode: 0 })
    }
    const [one, other] = await Promise.all(['with', 'without'].map((out) => bytesOf(folder, `${out}/model.onnx`)))
    expect(one!.equals(other!)).toBe(true)
  })

  it.each<[string, string, RegExp]>([
    ['no data', 'prune model.onnx --criterion wanda', /'wanda' needs squares of calibration data.*--calibrate/s],
    ['no data, for a plan', 'plan model.onnx --criterion activation', /'activation' needs active of calibration data/],
    ['no data, for a run', 'run model.onnx --criterion wanda --data val.npz', /pare run: criterion 'wanda' needs squares/],
    [
      'no data to try units on',
      'prune model.onnx --criterion sensitivity --structure neuron',
      /'sensitivity' needs to try units out/,
    ],
    ['a wrong path', 'prune model.onnx --criterion wanda --calibrate nope.npz', /'nope.npz' is not a file/],
    ['a count without data', 'prune model.onnx --samples 8', /--samples 8 counts calibration data, and there are none/],
    ['data of another model', 'prune model.onnx --criterion wanda --calibrate other.npz', /other.npz: input 'input' is float32/],
    ['NaN', 'prune model.onnx --criterion wanda --calibrate nan.npy', /nan.npy: input 'input' holds NaN/],
    ['--sequential for weights only', 'prune model.onnx --sequential', /'magnitude' looks at weights only/],
  ])('%s: exit 2, and nothing is written', async (_, command, message) => {
    await using folder = await folderWith()
    await copyFile(join(TEST_MODELS, 'data/mnist-calibrate.npz'), join(folder.path, 'other.npz'))
    await writeFile(join(folder.path, 'nan.npy'), npyOf(Number.NaN))
    const { exitCode, stderr } = await run(folder, command)
    expect(stderr).toMatch(message)
    expect(exitCode).toBe(2)
    expect(await folder.files()).toEqual(['calibrate.npz', 'model.onnx', 'nan.npy', 'other.npz', 'val.npz'])
  })
})

describe('pare calibrate and pare merge', () => {
  it('three shards put together are one run, byte for byte', async () => {
    await using folder = await folderWith()
    const measure = 'calibrate model.onnx --data calibrate.npz --criterion wanda --criterion activation:kind=fluctuation'
    await run(folder, `${measure} --out whole.pare`)
    for (const shard of [1, 2, 3]) await run(folder, `${measure} --shard ${shard}/3 --out ${shard}.pare`)
    const merged = await run(folder, 'merge 3.pare 1.pare 2.pare --out merged.pare --json')
    expect(merged.json()).toMatchObject({ samples: 1347, statistics: { path: 'merged.pare' } })
    expect((await bytesOf(folder, 'merged.pare')).equals(await bytesOf(folder, 'whole.pare'))).toBe(true)
    const sizes = await Promise.all([1, 2, 3].map(async (shard) => (await bytesOf(folder, `${shard}.pare`)).length))
    expect(Math.max(...sizes)).toBeLessThan((await bytesOf(folder, 'whole.pare')).length)
  })

  it('prune takes the file in place of the data, to the same model', async () => {
    await using folder = await folderWith()
    await run(folder, 'calibrate model.onnx --data calibrate.npz --samples 600 --out stats.pare')
    const options = ['--calibrate calibrate.npz --samples 600 --out a', '--calibrate stats.pare --out b']
    for (const option of options)
      expect(await run(folder, `prune model.onnx --criterion wanda ${option}`)).toMatchObject({ exitCode: 0 })
    expect((await bytesOf(folder, 'a/model.onnx')).equals(await bytesOf(folder, 'b/model.onnx'))).toBe(true)
  })

  it('refuses what does not belong together', async () => {
    await using folder = await folderWith()
    await copyFile(join(TEST_MODELS, 'kjv-bert.onnx'), join(folder.path, 'other.onnx'))
    await run(folder, 'calibrate model.onnx --data calibrate.npz --shard 1/3 --out 1.pare')
    await run(folder, 'calibrate model.onnx --data calibrate.npz --shard 3/3 --out 3.pare')
    await run(folder, 'calibrate model.onnx --data calibrate.npz --samples 64 --out stats.pare')
    await run(folder, 'run model.onnx --data val.npz')
    for (const [command, message] of [
      ['merge 1.pare 3.pare --out x.pare', /1.pare, 3.pare: chunks 2 to 3 of the data's 6 chunks are missing/],
      ['merge 1.pare 1.pare --out x.pare', /1.pare holds twice/],
      ['merge 1.pare stats.pare --out x.pare', /1.pare and stats.pare do not go together: the samples/],
      ['merge 1.pare --out 1.pare', /is the input itself/],
      ['merge calibrate.npz --out x.pare', /not a file of statistics/],
      ['merge pare-out/results.json --out x.pare', /the results of a whole pare run, not what a shard left/],
      ['prune model.onnx --criterion wanda --calibrate 1.pare', /chunks 2 to 5 .* are missing/],
      ['prune other.onnx --criterion wanda --calibrate stats.pare', /stats.pare are of a model with SHA-256 d2d7b4055b8d/],
      ['prune model.onnx --criterion activation:kind=apoz --calibrate stats.pare', /'activation' needs, was not measured/],
      ['prune model.onnx --criterion wanda --sequential --calibrate stats.pare', /goes block by block/],
      ['prune model.onnx --criterion sensitivity --structure neuron --calibrate stats.pare', /statistics has none/],
      ['calibrate model.onnx --data calibrate.npz --shard 7/7 --out x.pare', /6 chunks of 256, too few for 7 shards/],
      ['calibrate model.onnx --data calibrate.npz --shard 0/2 --out x.pare', /--shard is '0\/2'/],
      ['calibrate model.onnx --data calibrate.npz --criterion magnitude --out x.pare', /looks at weights only/],
      ['calibrate model.onnx --data stats.pare --out x.pare', /holds statistics, not data/],
    ] as const) {
      const { exitCode, stderr } = await run(folder, command)
      expect(stderr).toMatch(message)
      expect(exitCode).toBe(2)
    }
    expect(await folder.files()).not.toContain('x.pare')
  })

  it('names the command that measures what is missing', async () => {
    await using folder = await folderWith()
    await run(folder, 'calibrate model.onnx --data calibrate.npz --samples 64 --out stats.pare')
    const { stderr } = await run(folder, 'prune model.onnx --criterion activation:kind=mean --calibrate stats.pare')
    expect(stderr).toContain("statistic 'active' of '0.weight', which criterion 'activation' needs, was not measured.")
    expect(stderr).toContain('pare calibrate MODEL --data DATA --criterion activation --out FILE')
  })

  it('an interrupt before the first chunk is complete leaves nothing', async () => {
    await using folder = await folderWith()
    const abort = new AbortController()
    const onStderr = (text: string) => void (text.includes('running calibration data') && abort.abort())
    const argv = 'calibrate model.onnx --data calibrate.npz --out stats.pare'.split(' ')
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path, signal: abort.signal, onStderr })
    expect(stderr).toContain('interrupted before the first chunk of 256 samples was complete. Nothing is left behind.')
    expect(exitCode).toBe(130)
    expect(await folder.files()).toEqual(['calibrate.npz', 'model.onnx', 'val.npz'])
  })

  it('goes on behind the chunks that an interrupted run kept, to the same bytes', async () => {
    await using folder = await folderWith({ 'data.mjs': SLOW })
    const argv = 'calibrate model.onnx --data data.mjs --out stats.pare'.split(' ')
    const stopped = await interrupted(folder, argv)
    expect(stopped.stderr).toContain('interrupted. stats.pare.partial keeps 2 chunks that are complete.')
    expect(stopped.stderr).toContain('run the same command again: it goes on behind them')
    expect(stopped.exitCode).toBe(130)
    expect(await folder.files()).not.toContain('stats.pare')
    // What is there is not taken for the whole.
    const early = await run(folder, 'prune model.onnx --criterion wanda --calibrate stats.pare.partial')
    expect(early).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('was left by an interrupted run') })
    const other = await run(folder, 'calibrate model.onnx --data calibrate.npz --samples 64 --out other.pare')
    expect(other.exitCode).toBe(0)
    const second = await pare(argv, { cwd: folder.path })
    expect(second.stderr).toContain('goes on behind 2 chunks of stats.pare.partial')
    expect(await folder.files()).not.toContain('stats.pare.partial')
    await run(folder, 'calibrate model.onnx --data data.mjs --out whole.pare')
    expect((await bytesOf(folder, 'stats.pare')).equals(await bytesOf(folder, 'whole.pare'))).toBe(true)
    expect((await parseStatistics(await bytesOf(folder, 'stats.pare'), 'stats.pare')).data.samples).toBe(700)
  })

  it('starts anew where what was kept is of other criteria, and says so', async () => {
    await using folder = await folderWith({ 'data.mjs': SLOW })
    await interrupted(folder, 'calibrate model.onnx --data data.mjs --out stats.pare'.split(' '))
    const again = await run(folder, 'calibrate model.onnx --data data.mjs --criterion activation:kind=mean --out stats.pare')
    expect(again).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('is of another model, of other data or criteria'),
    })
  })
})

/** 700 samples; at the 600th it waits for ever, but only the first time. */
const SLOW = `import { existsSync, writeFileSync } from 'node:fs'
const reached = new URL('reached', import.meta.url)
export default async function* () {
  for (let i = 0; i < 700; i++) {
    if (i === 600 && !existsSync(reached)) {
      writeFileSync(reached, '')
      await new Promise(() => setInterval(() => {}, 1000))
    }
    yield { input: Array.from({ length: 64 }, (_, k) => Math.sin(i * 64 + k)) }
  }
}
`

/** Starts a command on SLOW, and stops it as Ctrl-C does when the data have come so far. */
async function interrupted(folder: Folder, argv: readonly string[]): Promise<Session> {
  const abort = new AbortController()
  const session = pare(argv, { cwd: folder.path, signal: abort.signal })
  while (!(await folder.files()).includes('reached')) await setTimeout(20)
  // What was sent before is on its way.
  await setTimeout(300)
  abort.abort()
  return session
}

describe('padding', () => {
  // lm-llama takes no mask: what the data say of padding counts for it too.
  it.each(['kjv-bert', 'lm-llama'])('%s: what stands where the mask is 0 makes no difference', async (model) => {
    const sample = (filler: number) => ({
      input_ids: [...Array.from({ length: 12 }, (_, i) => 20 + 7 * i), ...Array(8).fill(filler)],
      attention_mask: [...Array(12).fill(1), ...Array(8).fill(0)],
    })
    const lines = (filler: number) =>
      Array(4)
        .fill(JSON.stringify(sample(filler)))
        .join('\n')
    await using folder = await fixture(undefined, { 'a.jsonl': lines(3), 'b.jsonl': lines(200) })
    await copyFile(join(TEST_MODELS, `${model}.onnx`), join(folder.path, 'lm.onnx'))
    for (const data of ['a', 'b']) {
      const { exitCode, stderr } = await run(folder, `prune lm.onnx --criterion wanda --calibrate ${data}.jsonl --out ${data}`)
      expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('padded')])
    }
    const [a, b] = await Promise.all(['a', 'b'].map((out) => bytesOf(folder, `${out}/lm.onnx`)))
    expect(a!.equals(b!)).toBe(true)
  })

  it('is warned of where it is not known which positions it is', () => {
    const padded = collectPaddedValues()
    expect(padded.warnings()).toEqual([])
    padded.add(['a', 'b'])
    padded.add(['a', 'c', 'd', 'e'])
    expect(padded.warnings()).toEqual([expect.stringContaining("positions of 'a', 'b', 'c', 2 more that is does not follow")])
  })
})
