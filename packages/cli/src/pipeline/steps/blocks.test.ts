import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { npzBytes } from '@pare/evaluate/npz'
import { modelBytes, parseText, writeWhole } from '@pare/onnx'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from '../../testing/folder.js'
import { pareInProcess as pare } from '../../testing/terminal.js'

/** The same numbers each time, about normal: sums of four uniform ones. */
function normals(count: number, seed: number): number[] {
  let state = seed
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  }
  return Array.from({ length: count }, () => Math.sqrt(3) * (uniform() + uniform() + uniform() + uniform()))
}

/** Two residual blocks of width 8 and a head, in residual.onnx, with 400 samples in x.npz and 100 others in new.npz; the labels are what the model says. */
async function folderOf(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await fixture(undefined, files)
  const scaled = (values: readonly number[], by: number) => values.map((value) => value * by)
  const text = `residual (float[N, 8] x) => (float[N, 4] y)
    <float[8, 32] a1, float[32] b1, float[32, 8] a2, float[8, 32] c1, float[32] d1, float[32, 8] c2, float[8, 4] e> {
      h1 = MatMul(x, a1) g1 = Add(h1, b1) r1 = Relu(g1) s1 = MatMul(r1, a2) m = Add(x, s1)
      h2 = MatMul(m, c1) g2 = Add(h2, d1) r2 = Relu(g2) s2 = MatMul(r2, c2) t = Add(m, s2)
      y = MatMul(t, e) }`
  const weights = { a1: 256, b1: 32, a2: 256, c1: 256, d1: 32, c2: 256, e: 32 }
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, count], i) => [name, scaled(normals(count, i + 1), name.length > 1 ? 0.35 : 0.5)]),
  )
  await writeFile(join(folder.path, 'residual.onnx'), await modelBytes(parseText(text, values)))
  for (const [name, samples] of [
    ['x', 400],
    ['new', 100],
  ] as const) {
    const bytes = new Uint8Array(Float32Array.from(normals(8 * samples, 50 + samples)).buffer)
    const array = { name: 'x', type: 'float32', shape: [samples, 8], elements: () => [bytes] } as const
    await writeWhole(join(folder.path, `${name}.npz`), npzBytes([array]))
  }
  return folder
}

const run = (folder: Folder, command: string) => pare(command.split(' '), { cwd: folder.path })
const MASKED = 'prune residual.onnx --sparsity 0.6 --exclude e --calibrate x.npz'
const BLOCKS = '--recover blocks'

interface Told {
  readonly blocks: readonly {
    readonly samples: number
    readonly bytes: number
    readonly parts: readonly { readonly name: string; readonly errors: { readonly before: number; readonly after: number } }[]
  }[]
  readonly sparsity: { readonly after: number }
}

describe('--recover blocks', () => {
  it('comes nearer to the unpruned blocks on samples that it did not see, keeps zeros, and replays to the same bytes', async () => {
    await using folder = await folderOf()
    const { exitCode, stderr, json } = await run(folder, `${MASKED} ${BLOCKS} --out blocks --json`)
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('training block by block')])
    const { blocks, sparsity } = json() as unknown as Told
    expect(blocks).toMatchObject([{ samples: 400, parts: [{ name: 'm' }, { name: 't' }] }])
    // What enters and what is to come out, f32[400, 8] each.
    expect(blocks[0]!.bytes).toBe(2 * 400 * 8 * 4)
    for (const { errors } of blocks[0]!.parts) expect(errors.after).toBeLessThan(0.9 * errors.before)
    const { sparsity: alone } = (await run(folder, `${MASKED} --out alone --json`)).json() as unknown as Told
    expect(sparsity.after).toBe(alone.after)
    const outputs = ['residual.onnx', 'alone/residual.onnx', 'blocks/residual.onnx'].map((path) => answersOf(folder, path))
    const [whole, cut, recovered] = await Promise.all(outputs)
    const distance = (other: readonly number[]) => Math.hypot(...other.map((value, i) => value - whole![i]!))
    expect(distance(recovered!)).toBeLessThan(0.9 * distance(cut!))
    await run(folder, 'replay blocks/residual.plan.json residual.onnx --out replayed')
    const bytes = (path: string) => readFile(join(folder.path, path, 'residual.onnx'))
    expect(await bytes('replayed')).toEqual(await bytes('blocks'))
  })

  it('follows a repair of what was cut, and says so in words', async () => {
    await using folder = await folderOf()
    const cut = 'prune residual.onnx --structure neuron --ratio 0.5 --calibrate x.npz'
    const { exitCode, stdout } = await run(folder, `${cut} --recover repair,blocks --out out`)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(
      /repair +1 layer matched, 3 layers fitted\n +blocks +2 parts of blocks, error 0\.\d+ → 0\.\d+ in the mean, .* of values at once/,
    )
  })

  it('is in configs, with its length, and in the results of a run', async () => {
    const model = {
      path: 'residual.onnx',
      calibrate: { data: 'x.npz', samples: 200 },
      recover: { blocks: { epochs: 1, learningRate: 0.002, batch: 50 } },
      prune: [{ target: { sparsity: 0.6 }, exclude: ['e'] }],
    }

    await using folder = await folderOf({ 'pare.config.json': JSON.stringify({ models: [model] }) })
    const { json } = await run(folder, 'run --json')
    const [result] = runResults.parse(json()).models
    expect(result!.blocks).toMatchObject([{ samples: 200, parts: [{ name: 'm' }, { name: 't' }] }])
    expect(result!.steps!.at(-1)).toMatch(/^trained block by block: 2 parts of blocks, error/)
  })

  it('says what is missing: data, blocks', async () => {
    await using folder = await folderOf()
    const without = await run(folder, `prune residual.onnx --sparsity 0.5 ${BLOCKS}`)
    expect([without.exitCode, without.stderr]).toEqual([
      2,
      expect.stringContaining('recover: blocks needs calibration data, and there are none.'),
    ])
    const mlp = await run(folder, `prune model.onnx --sparsity 0.5 --calibrate val.npz ${BLOCKS}`)
    expect([mlp.exitCode, mlp.stderr]).toEqual([2, expect.stringContaining('there are no residual blocks in the model')])
    expect(mlp.stderr).toContain('--recover repair')
  })
})

/** What a model gives for the new samples. */
async function answersOf(folder: Folder, path: string): Promise<number[]> {
  const { createRequire } = await import('node:module')
  const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')
  const session = await InferenceSession.create(join(folder.path, path))
  const { y } = await session.run({ x: new Tensor('float32', Float32Array.from(normals(800, 150)), [100, 8]) })
  return Array.from(y!.data as Float32Array)
}
