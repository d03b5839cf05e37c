import { describe, expect, test } from 'vitest'
import { gatherShards, type PlacedManifest } from './gather.js'
import { type ShardManifest, shardManifest } from './manifest.js'
import { planRun, type RunPlan } from './run-plan.js'

const cost = { prune: 1, measure: 1 }
const plan = planRun(
  ['a', 'b', 'c'].map((model) => ({ model, sha256: `hash of ${model}`, cost, mostParts: 1 })),
  3,
)

/** What a shard leaves that did all it had to. */
function left({ sha256, shards, pieces }: RunPlan, index: number, attempt = 1): PlacedManifest {
  const own = pieces.filter(({ shard }) => shard === index)
  const manifest: ShardManifest = {
    ...{ schemaVersion: 1, kind: 'pare-shard', pare: '0.1.0', run: sha256, shard: { index, count: shards }, attempt, files: [] },
    pieces: own.map((piece) => ({ id: piece.id, sha256: piece.sha256, seconds: 2, cost, results: [] })),
  }
  return { name: `shard-${index}/attempt-${attempt}`, manifest }
}

const all = [1, 2, 3].map((index) => left(plan, index))

describe('shards are held against the plan of the run', () => {
  test('all of them are a whole', () => {
    const { done, missing, problems, cures } = gatherShards(plan, all)
    expect([...done.keys()]).toEqual(['a', 'b', 'c'])
    expect([missing.size, problems, cures]).toEqual([0, [], []])
  })

  test('one that is missing is named, with how it is run again', () => {
    const { done, missing, cures } = gatherShards(plan, [all[0]!, all[2]!])
    expect([...done.keys()]).toEqual(['a', 'c'])
    expect([...missing]).toEqual([['b', 'shard 2 of 3 is missing.']])
    expect(cures[0]).toBe('pare run --shard 2/3')
  })

  test('one that is there twice does not count', () => {
    const { missing, problems } = gatherShards(plan, [...all, { ...all[1]!, name: 'copy' }])
    expect([...missing.keys()]).toEqual(['b'])
    expect(problems).toEqual(['shard 2 is there 2 times, as shard-2/attempt-1 and copy.'])
  })

  test('of several attempts the last counts', () => {
    const { missing, problems, notes } = gatherShards(plan, [...all, left(plan, 2, 3)])
    expect([missing.size, problems]).toEqual([0, []])
    expect(notes).toEqual(['shard 2 was run 2 times: attempt 3 counts.'])
  })

  test('one of another run, or of another number of shards, does not count', () => {
    const other = planRun([{ model: 'a', sha256: 'changed', cost, mostParts: 1 }], 3)
    const { missing, problems } = gatherShards(plan, [all[1]!, all[2]!, left(other, 1), left(planRun([], 2), 2)])
    expect([...missing.keys()]).toEqual(['a'])
    expect(problems[0]).toMatch(/^shard-1\/attempt-1 is of another run/)
    expect(problems[1]).toMatch(/is shard 2 of 2, and this run has 3/)
  })

  test('one whose files are damaged does not count', () => {
    const damages = new Map([[all[1]!, 'shard-2/attempt-1/model.onnx is cut off.']])
    const { missing, cures } = gatherShards(plan, all, damages)
    expect([...missing]).toEqual([['b', 'shard-2/attempt-1/model.onnx is cut off.']])
    expect(cures[0]).toBe('pare run --shard 2/3')
  })

  test('one that says it is another, or that its piece is another, does not count', () => {
    const swapped = { ...all[1]!, manifest: { ...all[1]!.manifest, shard: { index: 3, count: 3 } } }
    expect([...gatherShards(plan, [all[0]!, swapped]).missing.keys()]).toEqual(['b', 'c'])
    const [piece] = all[1]!.manifest.pieces
    const forged = { ...all[1]!, manifest: { ...all[1]!.manifest, pieces: [{ ...piece!, sha256: 'other' }] } }
    expect([...gatherShards(plan, [all[0]!, forged, all[2]!]).missing.keys()]).toEqual(['b'])
  })
})

test('a manifest names files below its own folder only', () => {
  const file = { bytes: 1, sha256: 'a'.repeat(64) }
  const at = (path: string) =>
    shardManifest.safeParse({ ...all[0]!.manifest, run: 'b'.repeat(64), pieces: [], files: [{ ...file, path }] }).success
  expect(at('files/model.onnx')).toBe(true)
  for (const path of ['../model.onnx', '/etc/passwd', 'files/../../x', 'files//x', 'a\\..\\b', '', './x', 'a\0b'])
    expect(at(path)).toBe(false)
})
