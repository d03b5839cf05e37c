import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes } from '@pare/onnx'
import { tinyModels } from '@pare/testing'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from './testing/folder.js'
import { pareInProcess as pare } from './testing/terminal.js'

// Decoders as they are exported, two layers with a cache: their masks cover cache and new tokens, and call that size in three ways.
const DECODERS = Object.entries(tinyModels).filter(([name]) => name.startsWith('decoder'))

const SAMPLES = Array.from({ length: 12 }, (_, i) =>
  JSON.stringify({ input_ids: Array.from({ length: 9 }, (_, k) => (5 * i + 3 * k) % 16) }),
)

async function written(make: (typeof DECODERS)[number][1]): Promise<Folder> {
  const folder = await fixture(undefined, { 'ids.jsonl': SAMPLES.join('\n') })
  await writeFile(join(folder.path, 'model.onnx'), await modelBytes(make()))
  return folder
}

describe.each(DECODERS)('%s', (_, make) => {
  it.each([
    ['head', 'removed     2 of 4 head units'],
    ['neuron', 'removed     12 of 24 neuron units'],
    ['layer', 'removed     1 of 2 layer units'],
  ])('loses half of each %s, proved with an empty and a filled cache, and still goes on from its cache', async (structure, removed) => {
    await using folder = await written(make)
    const { exitCode, stdout } = await pare(['prune', 'model.onnx', '--structure', structure, '--ratio', '0.5', '--out', 'out'], {
      cwd: folder.path,
    })
    expect(stdout).toContain(removed)
    expect(stdout).toMatch(/cut = masked: largest difference .*, two sizes/)
    expect(exitCode).toBe(0)
    const { apart, largest } = await inOnePassOrTwo(join(folder.path, 'out/model.onnx'))
    expect(largest).toBeGreaterThan(0.1)
    expect(apart / largest).toBeLessThan(1e-5)
  })

  it('is retrained, calibrated on and repaired', async () => {
    await using folder = await written(make)
    const prune = (...options: string[]) =>
      pare(['prune', 'model.onnx', ...options, '--out', 'out', '--json'], { cwd: folder.path })
    const retrained = await prune(
      ...['--structure', 'head', '--ratio', '0.5', '--recover', 'retrain', '--train', 'ids.jsonl', '--steps', '3'],
    )
    expect(retrained).toMatchObject({ exitCode: 0 })
    expect(retrained.json()).toMatchObject({ trainings: [{ steps: 3 }] })
    // Of cut heads the caches are smaller than those of the reference, which runs beside.
    for (const structure of ['neuron', 'head']) {
      const repaired = await prune(
        ...[
          '--structure',
          structure,
          '--ratio',
          '0.5',
          '--criterion',
          'wanda',
          '--calibrate',
          'ids.jsonl',
          '--recover',
          'repair',
        ],
      )
      expect(repaired).toMatchObject({ exitCode: 0 })
      expect(repaired.json()).toMatchObject({ repair: { notes: [], refit: expect.toSatisfy((count: number) => count >= 2) } })
    }
    const solved = await prune('--criterion', 'sparsegpt', '--sparsity', '0.5', '--calibrate', 'ids.jsonl', '--sequential')
    expect(solved).toMatchObject({ exitCode: 0 })
  })
})

/** How far the logits of nine tokens in one pass are from those of five and then four more, and the largest of them. */
async function inOnePassOrTwo(path: string): Promise<{ apart: number; largest: number }> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node')
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 })
  const ints = (values: readonly number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const tokens = Array.from({ length: 9 }, (_, i) => (7 * i + 2) % 16)
  const cache = session.inputNames.filter((name) => name.startsWith('past'))
  const sizes = new Map(session.inputMetadata.map((input) => [input.name, input.isTensor ? input.shape : []]))
  type Results = Awaited<ReturnType<typeof session.run>>
  const run = (from: number, to: number, before?: Results) =>
    session.run({
      input_ids: ints(tokens.slice(from, to)),
      attention_mask: ints(tokens.slice(0, to).map(() => 1)),
      position_ids: ints(Array.from({ length: to - from }, (_, i) => from + i)),
      ...Object.fromEntries(
        cache.map((name) => {
          const empty = new Tensor('float32', new Float32Array(0), [1, Number(sizes.get(name)![1]), 0, 2])
          return [name, before?.[name.replace('past_key_values', 'present')] ?? empty]
        }),
      ),
    })
  const whole = (await run(0, 9)).logits!.data as Float32Array
  const begun = await run(0, 5)
  const parts = [...(begun.logits!.data as Float32Array), ...((await run(5, 9, begun)).logits!.data as Float32Array)]
  expect(parts.length).toBe(whole.length)
  return {
    apart: Math.max(...parts.map((value, i) => Math.abs(value - whole[i]!))),
    largest: Math.max(...whole.map(Math.abs)),
  }
}
