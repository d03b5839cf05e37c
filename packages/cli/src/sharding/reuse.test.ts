import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const model = { path: 'model.onnx', prune: [{ target: { sparsity: 0.5 } }] }
const config = (more: object = {}) =>
  JSON.stringify({ evaluate: { data: 'val.npz', metric: ['accuracy', 'f1'] }, gate: { maxDrop: 0.02 }, models: [model], ...more })

const prepared = () => fixture(undefined, { 'pare.config.json': config() })
const run = ({ path }: Folder, line: string) => pare(line.split(' '), { cwd: path })

async function results({ path }: Folder, name: string) {
  return runResults.parse(JSON.parse((await readFile(join(path, name, 'results.json'), 'utf8')).replaceAll(`${name}/`, 'out/')))
}

describe('pare run --reuse', () => {
  it('takes over what an earlier run left, and says so: the same models and results, judged anew', async () => {
    await using folder = await prepared()
    const plain = await run(folder, 'run --out plain')
    const first = await run(folder, 'run --reuse kept --out first')
    expect([first.exitCode, first.stderr]).toEqual([plain.exitCode, expect.not.stringContaining('taken over')])
    const second = await run(folder, 'run --reuse kept --out second')
    expect([second.exitCode, second.stderr]).toEqual([
      plain.exitCode,
      expect.stringContaining('model.onnx: taken over from kept/'),
    ])
    const [whole, kept, reused] = await Promise.all(['plain', 'first', 'second'].map((name) => results(folder, name)))
    expect(whole!.models.map(unlike)).toEqual(kept!.models.map(unlike))
    expect(whole!.models.map(unlike)).toEqual(reused!.models.map(unlike))
    expect([kept!.models[0]!.reuse, reused!.models[0]!.reuse]).toEqual([
      undefined,
      { path: expect.stringMatching(/^kept\/[0-9a-f]{64}\/shard-1-of-1\/attempt-1$/), seconds: expect.any(Number) },
    ])
    const names = (await readdir(join(folder.path, 'plain'))).filter((name) => /\.(onnx|plan\.json)$/.test(name))
    expect(names).toEqual(['model.onnx', 'model.plan.json'])
    for (const name of names)
      expect(await readFile(join(folder.path, 'second', name))).toEqual(await readFile(join(folder.path, 'plain', name)))
    expect(await readFile(join(folder.path, 'second/report.html'), 'utf8')).toContain('taken over from an earlier run')
    // The gate is not what was taken over.
    await writeFile(join(folder.path, 'pare.config.json'), config({ gate: { min: 0.9999 } }))
    const stricter = await run(folder, 'run --reuse kept --out stricter')
    expect([stricter.exitCode, stricter.stderr]).toEqual([1, expect.stringContaining('taken over')])
  }, 300_000)

  it('runs what changed, or is damaged, again', async () => {
    await using folder = await prepared()
    await run(folder, 'run --reuse kept')
    const again = async () => (await run(folder, 'run --reuse kept')).stderr
    await writeFile(
      join(folder.path, 'pare.config.json'),
      config({ models: [{ ...model, prune: [{ target: { sparsity: 0.4 } }] }] }),
    )
    expect(await again()).not.toContain('taken over')
    expect(await again()).toContain('taken over')
    await writeFile(join(folder.path, 'pare.config.json'), config({ seed: 2 }))
    expect(await again()).not.toContain('taken over')
    const [entry = ''] = await readdir(join(folder.path, 'kept'))
    for (const each of await readdir(join(folder.path, 'kept')))
      await truncate(join(folder.path, 'kept', each, 'shard-1-of-1/attempt-1/files/model.onnx'), 10)
    expect(entry).toMatch(/^[0-9a-f]{64}$/)
    const damaged = await again()
    expect(damaged).toContain('warning: it is made again: kept/')
    expect(damaged).not.toContain('taken over')
    expect(await again()).toContain('attempt-2, made in')
  }, 300_000)

  it('leaves and takes over nothing of a model that failed, or of which nothing tells whether it is as it was', async () => {
    await using folder = await fixture(undefined, {
      'pare.config.json': config({ evaluate: { data: 'none.npz', metric: 'accuracy' } }),
      'shy.mjs': 'export default () => ({ name: "shy", needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) })',
    })
    await run(folder, 'run --reuse kept')
    expect((await folder.files()).filter((name) => name.includes('manifest'))).toEqual([])
    await writeFile(
      join(folder.path, 'pare.config.json'),
      config({ models: [{ ...model, prune: [{ criterion: './shy.mjs' }] }] }),
    )
    for (const _ of [1, 2])
      expect((await run(folder, 'run --reuse kept')).stderr).toContain(
        'model.onnx: not taken over, since nothing tells whether this is as it was: plugin ./shy.mjs (it is code)',
      )
    expect((await folder.files()).filter((name) => name.includes('manifest'))).toEqual([])
  }, 300_000)

  it('is refused a file', async () => {
    await using folder = await prepared()
    const { exitCode, stderr } = await run(folder, 'run --reuse model.onnx')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--reuse model.onnx is a file; a folder was expected.')])
  })

  it('does not go with --workers', async () => {
    await using folder = await prepared()
    const { exitCode, stderr } = await run(folder, 'run --reuse kept --workers 2')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--reuse kept and --workers exclude each other')])
  })

  it('gives shards the pieces that are as they were: whole models, and parts of samples', async () => {
    const other = { path: 'other.onnx', prune: [{ structure: 'neuron', target: { ratio: 0.25 } }] }
    await using folder = await fixture(undefined, { 'pare.config.json': config({ models: [model], baselines: false }) })
    await cp(join(folder.path, 'model.onnx'), join(folder.path, 'other.onnx'))
    const bare = async (line: string) => (await pare(line.split(' '), { cwd: folder.path, baselines: true })).stderr
    const shards = async (out: string) => {
      const said: string[] = []
      for (const shard of ['1/2', '2/2']) said.push(await bare(`run --shard ${shard} --reuse kept --out ${out}`))
      await bare(`merge ${out}/shards --out ${out}`)
      return said.join('')
    }
    await bare('run --out plain')
    expect(await shards('first')).not.toContain('taken over')
    expect((await shards('second')).match(/: taken over from kept/g)).toHaveLength(2)
    const [plain, first, second] = await Promise.all(['plain', 'first', 'second'].map((name) => results(folder, name)))
    expect(first!.models.map(unlike)).toEqual(plain!.models.map(unlike))
    expect(second!.models.map(unlike)).toEqual(plain!.models.map(unlike))
    expect([first!.models[0]!.reuse, second!.models[0]!.reuse?.path]).toEqual([undefined, expect.stringMatching(/^kept\//)])
    // What is new is made, and what a run of one machine left is taken over by a shard.
    await writeFile(join(folder.path, 'pare.config.json'), config({ models: [model, other], baselines: false }))
    await bare('run other.onnx --reuse kept --out alone')
    expect((await shards('third')).match(/other.onnx: taken over from kept/g)).toHaveLength(1)
  }, 300_000)
})

/** Without times, and without how it came about. */
function unlike({ durationMs: _, reuse: __, steps = [], ...result }: Awaited<ReturnType<typeof results>>['models'][number]) {
  return { ...result, steps: steps.filter((step) => !step.startsWith('taken over')) }
}
