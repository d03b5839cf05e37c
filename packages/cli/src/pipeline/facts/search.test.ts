import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Folder, fixture, TEST_MODELS } from '../../testing/folder.js'
import { pare } from '../../testing/terminal.js'

/** The MLP on digits, val.npz, and beside them data to calibrate on, with labels. */
async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await fixture(undefined, files)
  await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
  return folder
}

const run = (folder: Folder, command: string, signal?: AbortSignal) =>
  pare(command.split(' '), { cwd: folder.path, ...(signal && { signal }) })

const SEARCH =
  'prune model.onnx --sparsity 0.9 --criterion wanda --calibrate calibrate.npz --samples 64 --allocation search:trials=60,levels=5,step=0.02'

interface Answer {
  readonly output: { readonly sha256: string }
  readonly sparsity: { readonly after: number }
  readonly layers: readonly { readonly sparsity: number }[]
  readonly searches: readonly [
    { readonly around: string; readonly trials: number; readonly best: readonly { readonly score: number }[] },
  ]
}

it('spreads zeros by trying models out, says what that bought, and replays without data', async () => {
  await using folder = await folderWith()
  const { exitCode, json } = await run(folder, `${SEARCH} --train calibrate.npz --out out --json`)
  expect(exitCode).toBe(0)
  const { sparsity, layers, searches, output } = json() as unknown as Answer
  expect(sparsity.after).toBeCloseTo(0.9, 4)
  expect(new Set(layers.map((layer) => layer.sparsity)).size).toBeGreaterThan(1)
  const [{ around, trials, best }] = searches
  expect({ around, trials: trials <= 60 }).toEqual({ around: 'fisher', trials: true })
  expect(best.at(-1)!.score).toBeLessThan(best[0]!.score)
  expect((await folder.files()).filter((name) => name.includes('search'))).toEqual([])
  await run(folder, 'replay out/model.plan.json model.onnx --out again')
  const bytes = (name: string) => readFile(join(folder.path, name))
  expect((await bytes('again/model.onnx')).equals(await bytes('out/model.onnx'))).toBe(true)
  expect(output.sha256).toHaveLength(64)
})

/** Stops once so many trials are written down. */
async function stoppedAfter(folder: Folder, trials: number) {
  const abort = new AbortController()
  const scores = join(folder.path, 'out/model.search/scores.jsonl')
  const watch = setInterval(async () => {
    const text = await readFile(scores, 'utf8').catch(() => '')
    if (text.split('\n').length > trials) abort.abort()
  }, 5)
  const session = await run(folder, `${SEARCH} --out out`, abort.signal)
  clearInterval(watch)
  return session
}

it('goes on where Ctrl-C stopped it, and ends as if it had not', async () => {
  await using folder = await folderWith()
  const whole = (await run(folder, `${SEARCH} --out whole --json`)).json() as unknown as Answer
  const { exitCode, stderr } = await stoppedAfter(folder, 1)
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 130,
    stderr: expect.stringContaining('the same command goes on from there'),
  })
  const state = join(folder.path, 'out/model.search')
  expect((await readdir(state)).sort()).toEqual(['levels', 'scores.jsonl', 'state.json'])
  const levels = await readdir(join(state, 'levels'))
  // As if the power had failed in the middle of a line.
  const scores = join(state, 'scores.jsonl')
  await writeFile(scores, `${await readFile(scores, 'utf8')}{"trial":"1 0 0`)
  const again = (await run(folder, `${SEARCH} --out out --json`)).json() as unknown as Answer
  expect(again.output.sha256).toBe(whole.output.sha256)
  expect(again.searches[0].best).toEqual(whole.searches[0].best)
  expect(levels.length).toBeGreaterThan(0)
  expect(await readdir(join(folder.path, 'out'))).not.toContain('model.search')
})

it('throws away the state of another search, and leaves alone what is not its own', async () => {
  await using folder = await folderWith()
  await stoppedAfter(folder, 1)
  const state = join(folder.path, 'out/model.search/state.json')
  const before = await readFile(state, 'utf8')
  const { json } = await run(folder, `${SEARCH.replace('0.9', '0.8')} --out out --json`)
  expect((json() as unknown as Answer).sparsity.after).toBeCloseTo(0.8, 4)
  expect(before).toContain('"kind":"search"')
  await mkdir(join(folder.path, 'own/model.search'), { recursive: true })
  await writeFile(join(folder.path, 'own/model.search/notes.txt'), 'mine')
  const { exitCode, stderr } = await run(folder, `${SEARCH} --out own`)
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('something else lies there') })
  expect(await readFile(join(folder.path, 'own/model.search/notes.txt'), 'utf8')).toBe('mine')
})

it('stands in the results of a run', async () => {
  const config = `models: [{ path: model.onnx }]
prune: [{ criterion: magnitude, target: { sparsity: 0.9 }, allocation: { search: { trials: 30, levels: 3 } } }]
calibrate: { data: calibrate.npz, samples: 32 }
evaluate: { data: val.npz, metric: accuracy }
gate: { maxDrop: 0.5 }
`
  await using folder = await folderWith({ 'pare.config.yaml': config })
  const { exitCode } = await run(folder, 'run')
  expect(exitCode).toBe(0)
  const { models } = JSON.parse(await readFile(join(folder.path, 'pare-out/results.json'), 'utf8')) as {
    models: [Pick<Answer, 'searches'> & { steps: string[] }]
  }
  expect(models[0].searches[0]).toMatchObject({ around: 'uniform', levels: expect.any(Number), trials: expect.any(Number) })
  expect(models[0].steps.join('\n')).toMatch(/spread by search\nsearched: \d+ trials of \d+ levels around equal shares/)
})

it.each([
  ['search:tries=3', "allocation 'search:tries=3': it has no option tries"],
  ['search:trials=0', "allocation 'search:trials=0': trials is 0"],
  ['search:levels=4', 'levels is 4; an odd number from 3 on'],
  ['search:trials', "option 'trials' is not of the form name=value"],
])('refuses %s', async (allocation, message) => {
  await using folder = await folderWith()
  const { exitCode, stderr } = await run(folder, `prune model.onnx --calibrate calibrate.npz --allocation ${allocation}`)
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) })
})

it('says that it needs data to try models out on', async () => {
  await using folder = await folderWith()
  const { exitCode, stderr } = await run(folder, 'prune model.onnx --allocation search')
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('allocation search needs to try models out on calibration data, and there are none'),
  })
})
