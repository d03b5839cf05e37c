import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

/** The MLP on digits, val.npz, and beside them train.npz: 1,347 samples with labels. */
async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await fixture(undefined, files)
  await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'train.npz'))
  return folder
}

const run = (folder: Folder, command: string) => pare(command.split(' '), { cwd: folder.path })
const bytesOf = (folder: Folder, file: string) => readFile(join(folder.path, file))

describe('criteria that look at gradients', () => {
  it('prune single weights, say which loss, and a plan replays without data', async () => {
    await using folder = await folderWith()
    const session = await run(folder, 'prune model.onnx --criterion gradient:of=fisher --sparsity 0.5 --train train.npz --json')
    expect(session).toMatchObject({ exitCode: 0 })
    expect(session.stderr).toContain('gradients of cross-entropy (the labels are whole numbers), up to 512 samples of train.npz')
    expect(session.json()).toMatchObject({ sparsity: { after: 0.5 } })
    await run(folder, 'replay pare-out/model/model.plan.json model.onnx --out replayed')
    const [pruned, replayed] = await Promise.all(
      ['pare-out/model', 'replayed'].map((out) => bytesOf(folder, `${out}/model.onnx`)),
    )
    expect(pruned!.equals(replayed!)).toBe(true)
  })

  it('cut neurons by the derivatives of their gates', async () => {
    await using folder = await folderWith()
    const options = '--criterion gradient:of=gates --structure neuron --ratio 0.25 --train train.npz'
    const session = await run(folder, `prune model.onnx ${options} --json`)
    expect(session).toMatchObject({ exitCode: 0 })
    const { groups } = session.json() as { groups: { units: number; removed: number }[] }
    expect(groups.map(({ units, removed }) => [units, removed])).toEqual([
      [256, 64],
      [128, 32],
    ])
  })

  it('are measured in shards that merge to the bytes of one run', async () => {
    await using folder = await folderWith()
    const calibrate = 'calibrate model.onnx --data train.npz --criterion gradient:of=mix --samples 1024'
    for (const shard of [1, 2]) await run(folder, `${calibrate} --shard ${shard}/2 --out part-${shard}.stats`)
    await run(folder, `${calibrate} --out whole.stats`)
    await run(folder, 'merge part-1.stats part-2.stats --out merged.stats')
    expect((await bytesOf(folder, 'merged.stats')).equals(await bytesOf(folder, 'whole.stats'))).toBe(true)
    const session = await run(folder, 'prune model.onnx --criterion gradient:of=mix --calibrate merged.stats --json')
    expect(session.json()).toMatchObject({ sparsity: { after: 0.5 } })
  })

  it('say which layer has no gradient, and what else can be done', async () => {
    await using folder = await folderWith()
    const lstm = parseText(
      `g (float[N, 64] input) => (float[N, 10] logits) <float[1, 64, 64] w, float[1, 64, 16] r, float[64, 64] first, float[16, 10] head, int64[1] at = {0}, int64[2] last = {0, 1}> {
        h = MatMul(input, first) x = Unsqueeze(h, at) s, y, c = LSTM<hidden_size = 16>(x, w, r) z = Squeeze(s, last) logits = MatMul(z, head)
      }`,
      Object.fromEntries(
        Object.entries({ w: 4096, r: 1024, first: 4096, head: 160 }).map(([name, size]) => [
          name,
          Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 4),
        ]),
      ),
    )
    await writeFile(join(folder.path, 'lstm.onnx'), await modelBytes(lstm))
    const asked = 'prune lstm.onnx --criterion gradient --sparsity 0.5 --train train.npz'
    const { exitCode, stderr } = await run(folder, `${asked} --include *`)
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/weights cannot be judged by gradients: .*\(LSTM\) has no gradient: recurrent layers/)
    expect(stderr).toContain('hint: leave out the weights that lie before it with --exclude')
    expect((await run(folder, `${asked} --exclude first --exclude w --exclude r`)).exitCode).toBe(0)
  })

  it('without training data say what they need', async () => {
    await using folder = await folderWith()
    for (const of of ['taylor --structure element', 'gates --structure neuron --ratio 0.5']) {
      const session = await run(folder, `prune model.onnx --criterion gradient:of=${of} --calibrate train.npz`)
      expect(session).toMatchObject({ exitCode: 2 })
      expect(session.stderr).toContain(
        "criterion 'gradient' looks at gradients of the loss over training data, and there are none.",
      )
      expect(session.stderr).toContain('--train train.npz')
    }
  })
})
