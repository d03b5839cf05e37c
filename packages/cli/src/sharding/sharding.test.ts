import { createHash } from 'node:crypto'
import { cp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const evaluate = { data: 'val.npz', metric: ['accuracy', 'f1'] }
const CONFIG = JSON.stringify({
  evaluate,
  gate: { maxDrop: 0.02 },
  baselines: false,
  models: [
    { path: 'model.onnx', prune: [{ target: { sparsity: 0.5 } }] },
    { path: 'model.onnx', prune: [{ structure: 'neuron', target: { ratio: 0.25 } }] },
    {
      path: 'bad.onnx',
      prune: [{ target: { sparsity: 0.999 } }],
      schedule: { kind: 'iterative', steps: 2 },
      gate: { maxDrop: 0.001 },
    },
  ],
})

async function prepared(): Promise<Folder> {
  const folder = await fixture(undefined, { 'pare.config.json': CONFIG })
  await cp(join(folder.path, 'model.onnx'), join(folder.path, 'bad.onnx'))
  return folder
}

const run = ({ path }: Folder, line: string, env: Record<string, string> = {}) =>
  pare(line.split(' '), { cwd: path, env, baselines: true })

/** Without what differs from run to run. */
async function results({ path }: Folder, name: string): Promise<unknown> {
  const text = (await readFile(join(path, name, 'results.json'), 'utf8')).replaceAll(`${name}/`, 'out/')
  return JSON.parse(text, (key, value) => (key === 'durationMs' ? undefined : value))
}

async function sameFiles(folder: Folder, one: string, other: string): Promise<void> {
  const names = (await readdir(join(folder.path, one))).filter((name) => /\.(onnx|plan\.json|bin)$/.test(name))
  expect(names.length).toBeGreaterThan(4)
  for (const name of names) {
    const [a, b] = await Promise.all([one, other].map((at) => readFile(join(folder.path, at, name))))
    expect(a!.equals(b!), name).toBe(true)
  }
}

describe('a run on many machines', () => {
  it('is the run of one, bit for bit, however many there are', async () => {
    await using folder = await prepared()
    expect((await run(folder, 'run --out whole')).exitCode).toBe(1)
    for (const count of [4]) {
      for (let index = 1; index <= count; index++)
        expect((await run(folder, `run --out of-${count} --shard`, { PARE_SHARD: `${index}/${count}` })).exitCode).toBe(0)
      expect((await run(folder, `merge of-${count}/shards --out of-${count}`)).exitCode).toBe(1)
      expect(await results(folder, `of-${count}`)).toEqual(await results(folder, 'whole'))
      await sameFiles(folder, 'whole', `of-${count}`)
      // What the stages between took and cost is drawn, too.
      const { models } = runResults.parse(JSON.parse(await readFile(join(folder.path, `of-${count}`, 'results.json'), 'utf8')))
      expect(models[2]!.stages).toEqual([
        expect.objectContaining({
          zippedBytes: expect.any(Number),
          drop: expect.objectContaining({ value: expect.any(Number) }),
        }),
      ])
      expect(await readFile(join(folder.path, `of-${count}`, 'report.html'), 'utf8')).toContain('After stage 1 of 2')
    }
    // What the lock file would take over from a run of one machine is what it would take over from the merge.
    const { stdout } = await run(folder, 'plan-run --shards 4 --json')
    expect(JSON.parse(stdout)).toMatchObject({ shards: 4, carried: [], guessed: ['model.onnx', 'model.onnx (2)', 'bad.onnx'] })
  }, 300_000)

  it('processes of one machine are machines, too', async () => {
    await using folder = await prepared()
    await run(folder, 'run --out whole')
    const { exitCode, stderr } = await run(folder, 'run --workers 2 --out both')
    expect(stderr).not.toContain('incomplete')
    expect(exitCode).toBe(1)
    expect(await results(folder, 'both')).toEqual(await results(folder, 'whole'))
    expect((await folder.files()).filter((name) => name.includes('shard'))).toEqual([])
  }, 300_000)
})

describe('what is not whole is incomplete, and never a pass', async () => {
  const folder = await prepared()
  const parts = 3
  for (let index = 1; index <= parts; index++) await run(folder, `run --shard ${index}/${parts}`)
  const shards = join(folder.path, 'pare-out/shards')
  const attempt = (index: number) => join(`shard-${index}-of-${parts}`, 'attempt-1')

  /** The verdicts of a merge of damaged shards. */
  async function merged(damage: (folder: string) => Promise<void>) {
    const copy = join(folder.path, 'damaged')
    await rm(copy, { recursive: true, force: true })
    await cp(shards, copy, { recursive: true })
    await damage(copy)
    const session = await run(folder, 'merge damaged --out out --json')
    return {
      ...session,
      models: session.json().models as { path: string; verdict: string; reasons: string[]; error?: { hint: string } }[],
    }
  }

  it('a shard that is missing is named with how to run it again, and the others are judged', async () => {
    const { exitCode, models } = await merged((at) => rm(join(at, `shard-2-of-${parts}`), { recursive: true }))
    expect(exitCode).toBe(3)
    expect(models.some(({ verdict }) => verdict !== 'incomplete')).toBe(true)
    const missing = models.filter(({ verdict }) => verdict === 'incomplete')
    expect(missing.length).toBeGreaterThan(0)
    for (const { reasons, error } of missing) {
      expect(reasons).toEqual(['pare merge: shard 2 of 3 is missing.'])
      expect(error?.hint).toContain('pare run --shard 2/3')
    }
  }, 300_000)

  it.each<[string, (at: string) => Promise<void>]>([
    ['ended before it was done', (at) => rm(join(at, attempt(1), 'manifest.json'))],
    ['there twice', (at) => cp(join(at, attempt(1)), join(at, 'again', 'attempt-1'), { recursive: true })],
    ['in the place of another', (at) => rename(join(at, attempt(1)), join(at, attempt(2), 'attempt-2'))],
    ['cut off', (at) => truncate(join(at, attempt(1), 'recordings/0.jsonl.gz'), 60)],
    ['changed in what it says it measured', (at) => writeFile(join(at, attempt(1), 'outcomes/0.json'), '{}')],
    [
      'changed in its model',
      async (at) => {
        for (const name of await readdir(join(at, attempt(1), 'files'))) await writeFile(join(at, attempt(1), 'files', name), 'x')
      },
    ],
    ['of no shape that a manifest has', (at) => writeFile(join(at, attempt(1), 'manifest.json'), '{"schemaVersion": 1}')],
    [
      'of another run',
      async (at) => {
        const path = join(at, attempt(1), 'manifest.json')
        await writeFile(path, (await readFile(path, 'utf8')).replace(/"run": "[0-9a-f]{8}/, '"run": "00000000'))
      },
    ],
  ])(
    'one that is %s',
    async (_, damage) => {
      const { exitCode, models } = await merged(damage)
      // 1 where one of the others fails its gate.
      expect([1, 3]).toContain(exitCode)
      const incomplete = models.filter(({ verdict }) => verdict === 'incomplete')
      expect(incomplete.length).toBeGreaterThan(0)
      for (const { reasons } of incomplete) expect(reasons[0]).toMatch(/^pare merge: /)
    },
    60_000,
  )

  it('parts of one model that were pruned differently, and outcomes that are none, are told of', async () => {
    await using own = await fixture(undefined, {
      'pare.config.json': JSON.stringify({ evaluate, baselines: false, models: [{ path: 'model.onnx' }] }),
    })
    for (const index of [1, 2]) await run(own, `run --shard ${index}/2`)
    const place = (index: number, name: string) => join(own.path, `pare-out/shards/shard-${index}-of-2/attempt-1`, name)
    const reasonOf = async () => {
      const { models } = (await run(own, 'merge pare-out/shards --json')).json() as {
        models: { verdict: string; reasons: string[] }[]
      }
      return models.map(({ verdict, reasons }) => `${verdict}: ${reasons[0]}`)[0]
    }
    const manifest = await readFile(place(2, 'manifest.json'), 'utf8')
    await writeFile(place(2, 'manifest.json'), manifest.replace(/"pruned": "[0-9a-f]{8}/, '"pruned": "00000000'))
    expect(await reasonOf()).toMatch(/^incomplete: pare merge: the shards did not prune model.onnx alike/)
    // With a manifest that fits what was changed.
    const outcome = '{"pruned":{"model":{}}}'
    await writeFile(place(2, 'outcomes/0.json'), outcome)
    const sha256 = createHash('sha256').update(outcome).digest('hex')
    await writeFile(
      place(2, 'manifest.json'),
      manifest.replace(/("path": "outcomes\/0\.json",\s*"bytes": \d+,\s*"sha256": ")[0-9a-f]+/, `$1${sha256}`),
    )
    expect(await reasonOf()).toMatch(
      /^incomplete: pare merge: the outcome in pare-out\/shards\/shard-2-of-2\/attempt-1 is none: pruned\.model\.path/,
    )
  }, 300_000)

  it('running just that shard again completes it', async () => {
    await rm(join(shards, attempt(2), 'manifest.json'))
    expect((await run(folder, 'merge pare-out/shards')).exitCode).toBe(3)
    await run(folder, `run --shard 2/${parts}`)
    const { exitCode, stderr } = await run(folder, 'merge pare-out/shards')
    expect(stderr).not.toContain('warning')
    expect(exitCode).toBe(1)
  }, 300_000)

  it('where there is nothing to merge that is said', async () => {
    const { exitCode, stderr } = await run(folder, 'merge nowhere')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('there is neither a folder nor a file nowhere')])
    const empty = await run(folder, 'merge pare-out/shards/shard-2-of-3/attempt-1/recordings')
    expect([empty.exitCode, empty.stderr]).toEqual([2, expect.stringContaining('no shard of a run that has ended lies below')])
    const both = await run(folder, 'run --shard 1/2 --workers 2')
    expect([both.exitCode, both.stderr]).toEqual([2, expect.stringContaining('exclude each other')])
  })
})
