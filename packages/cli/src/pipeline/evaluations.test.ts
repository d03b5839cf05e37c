import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunResults, runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { changedParts, decisiveOf } from '../lockfile/decisive.js'
import { readTasks } from '../settings/tasks.js'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

const first = { data: 'val.npz', metric: 'accuracy' }

/** One model that is judged on two files of data. */
function config(evaluations: readonly object[], more: object = {}): string {
  const model = { path: 'model.onnx', prune: [{ target: { sparsity: 0.5 } }], evaluate: first, gate: { maxDrop: 0.05 } }
  return JSON.stringify({ baselines: false, models: [{ ...model, evaluations, ...more }] })
}

const other = { data: 'other.npz', metric: 'log-loss', gate: { maxDrop: { relative: 0.5 } } }

async function prepared(evaluations: readonly object[] = [other], more: object = {}): Promise<Folder> {
  const folder = await fixture(undefined, { 'pare.config.json': config(evaluations, more) })
  await cp(join(folder.path, 'val.npz'), join(folder.path, 'other.npz'))
  return folder
}

async function modelsOf({ path }: Folder, out = 'pare-out'): Promise<RunResults['models']> {
  return runResults.parse(JSON.parse(await readFile(join(path, out, 'results.json'), 'utf8'))).models
}

const run = ({ path }: Folder, line: string) => pare(line.split(' '), { cwd: path, baselines: true })

describe('a model that is judged on several files of data', () => {
  it('is pruned once, and has a verdict for each', async () => {
    await using folder = await prepared([other, { ...first, name: 'again', gate: { maxDrop: 0 } }])
    const { exitCode, stdout, stderr } = await run(folder, 'run')
    expect(exitCode).toBe(1)
    expect(stderr.match(/deciding what goes/g)).toHaveLength(1)
    const [model, logLoss, again] = await modelsOf(folder)
    expect(model).toMatchObject({ path: 'model.onnx', verdict: 'pass', metric: 'accuracy' })
    expect(logLoss).toMatchObject({
      ...{ path: 'model.onnx (other.npz)', of: 'model.onnx', verdict: 'pass', metric: 'log-loss' },
      ...{ data: { path: 'other.npz' }, reference: { path: 'model.onnx' }, pruned: { sha256: model!.pruned!.sha256 } },
    })
    expect(again).toMatchObject({ path: 'model.onnx (again)', verdict: 'fail', drop: { value: model!.drop!.value } })
    // What was done to it is told once.
    expect(logLoss).not.toHaveProperty('layers')
    expect(stdout.match(/ {2}pruned {3}/g)).toHaveLength(1)
    expect(stdout).toContain('2 of 3 evaluations passed, 1 failed')
    expect((await readdir(join(folder.path, 'pare-out'))).filter((name) => name.endsWith('.onnx'))).toEqual(['model.onnx'])
  })

  it('says of the others that it could not be pruned', async () => {
    await using folder = await prepared([other], { prune: [{ structure: 'head', target: { ratio: 0.5 } }] })
    expect((await run(folder, 'run')).exitCode).toBe(3)
    const [model, more] = await modelsOf(folder)
    expect(model!.verdict).toBe('incomplete')
    expect(more).toMatchObject({
      verdict: 'incomplete',
      error: {
        message: expect.stringContaining('model.onnx was not pruned'),
        hint: expect.stringContaining('see why model.onnx'),
      },
    })
  })

  it('is the same in shards, by workers, and taken over', { timeout: 300_000 }, async () => {
    await using folder = await prepared()
    const known = ({ durationMs: _, reuse: __, steps: ___, ...model }: RunResults['models'][number]) =>
      JSON.stringify(model).replaceAll(/(sharded|workers|kept|anew)\//g, 'pare-out/')
    await run(folder, 'run')
    const whole = (await modelsOf(folder)).map(known)
    for (const shard of ['1/2', '2/2']) expect((await run(folder, `run --shard ${shard} --out sharded`)).exitCode).toBe(0)
    expect((await run(folder, 'merge sharded/shards --out sharded')).exitCode).toBe(0)
    expect((await modelsOf(folder, 'sharded')).map(known)).toEqual(whole)
    expect((await run(folder, 'run --workers 2 --out workers')).exitCode).toBe(0)
    expect((await modelsOf(folder, 'workers')).map(known)).toEqual(whole)
    expect((await run(folder, 'run --reuse store --out kept')).exitCode).toBe(0)
    const taken = await run(folder, 'run --reuse store --out anew')
    expect(taken.stderr).toContain('model.onnx (other.npz): taken over from store')
    expect((await modelsOf(folder, 'anew')).map(known)).toEqual(whole)
  })

  it('is carried forward only with what judges it', async () => {
    await using folder = await prepared()
    await run(folder, 'run --lock')
    expect((await run(folder, 'run --carry-forward')).stdout).toContain('2 of 2 evaluations passed')
    expect((await modelsOf(folder)).map(({ carried }) => carried)).toEqual([true, true])
    await cp(join(folder.path, 'val.npz'), join(folder.path, 'third.npz'))
    await rm(join(folder.path, 'other.npz'))
    const changed = config([{ ...other, data: 'third.npz', name: 'other.npz', metric: 'brier' }])
    await using next = await fixture(undefined, { 'pare.config.json': changed })
    await cp(join(folder.path, 'pare.lock.json'), join(next.path, 'pare.lock.json'))
    await cp(join(next.path, 'val.npz'), join(next.path, 'third.npz'))
    expect((await run(next, 'run --carry-forward')).exitCode).toBe(0)
    expect((await modelsOf(next)).map(({ carried }) => carried)).toEqual([undefined, undefined])
  })

  it('is judged anew once what the search goes by changes, which decides the model', async () => {
    const search = { data: 'search.npz', trials: 2 }
    const more = (maxDrop: number) => ({ prune: [{ target: { maxDrop: 0.2 } }], search, gate: { maxDrop } })
    await using folder = await prepared([other], more(0.2))
    await cp(join(folder.path, 'val.npz'), join(folder.path, 'search.npz'))
    const decisive = async (maxDrop: number) => {
      await writeFile(join(folder.path, 'pare.config.json'), config([other], more(maxDrop)))
      const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
      return decisiveOf(tasks[1]!, {})
    }
    const [before, same, after] = [await decisive(0.2), await decisive(0.2), await decisive(0.3)]
    expect(changedParts(before, same)).toEqual([])
    expect(changedParts(before, after)).toEqual(['settings of model.onnx'])
    await cp(join(TEST_MODELS, 'data/kjv-evaluate.npz'), join(folder.path, 'search.npz'))
    expect(changedParts(after, await decisive(0.3))).toEqual(['search data of model.onnx'])
  })

  it('is told where the search saw the same samples', async () => {
    const more = {
      prune: [{ target: { maxDrop: 0.2 } }],
      search: { data: 'search.npz' },
      evaluate: { ...first, data: 'mine.npz' },
    }
    await using folder = await prepared([other], more)
    await cp(join(folder.path, 'val.npz'), join(folder.path, 'search.npz'))
    await cp(join(folder.path, 'val.npz'), join(folder.path, 'mine.npz'))
    const { warnings } = (await run(folder, 'check --json')).json() as { readonly warnings: readonly string[] }
    for (const name of ['model.onnx', 'model.onnx (other.npz)'])
      expect(warnings).toContainEqual(expect.stringMatching(`^${name.replace(/[().]/g, '\\$&')}: 450 of the 450 .*search data`))
  })

  it('has the settings of its first evaluation that say how the model runs, and no others', async () => {
    await using folder = await prepared([{ data: 'other.npz', metric: 'agreement' }], {
      evaluate: { ...first, batch: 7, slices: ['absent'] },
    })
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks.map(({ evaluation }) => [evaluation!.request.batch, evaluation!.request.slices])).toEqual([
      [7, ['absent']],
      [7, undefined],
    ])
    const checked = await run(folder, 'check --json')
    // The column is missing for the first alone.
    expect(checked.stderr).toContain("pare: model.onnx, evaluation data: val.npz: no column 'absent'")
  })

  it.each<[string, object, string, string]>([
    ['no data', { evaluations: [{ metric: 'accuracy' }] }, 'evaluations[0].data: is missing', 'questions.jsonl'],
    ['nothing that comes first', { evaluate: undefined, evaluations: [other] }, 'evaluate does not say', 'move the first'],
    ['two of one name', { evaluations: [other, other] }, "'other.npz, log-loss', and so is another", 'a name of its own'],
    ['an unknown option', { evaluations: [{ ...other, metrics: 'f1' }] }, "'metrics' is not an option", "mean 'metric'"],
    ['a wrong limit', { evaluations: [{ ...other, gate: { maxDrop: -1 } }] }, 'evaluations[0].gate', 'hint: '],
    [
      'what the search goes by',
      { prune: [{ target: { maxDrop: 0.1 } }], evaluations: [{ ...other, data: 'val.npz' }] },
      'evaluations[0].data: is "val.npz", by which the search chooses the model',
      'search data of its own',
    ],
    ['data that are not there', { evaluations: [{ ...other, data: 'gone.npz' }] }, "'gone.npz' is not a file", 'hint: '],
  ])('is refused with %s', async (_, more, message, hint) => {
    await using folder = await prepared([], more)
    const { exitCode, stderr } = await run(folder, 'run')
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain(hint)
  })
})
