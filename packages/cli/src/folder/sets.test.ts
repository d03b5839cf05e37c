import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pareInProcess as pare } from '../testing/terminal.js'
import { writeRows, writeTinyEncoderFolder } from './tiny-encoder.test.support.js'

let cwd: string
beforeAll(async () => {
  cwd = await realpath(await mkdtemp(join(tmpdir(), 'pare-sets-')))
  await writeTinyEncoderFolder(join(cwd, 'merged'), { isMerged: true })
  await writeTinyEncoderFolder(join(cwd, 'two'), { isMerged: false })
  await writeRows(join(cwd, 'text.jsonl'), [{ text: 'one two three' }])
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

/** What --json gives of each model of a set. */
async function modelsOf<Model>(...argv: string[]): Promise<readonly Model[]> {
  const session = await pare([...argv, '--json'], { cwd })
  expect([session.exitCode, session.stderr]).toEqual([0, expect.stringContaining('model: onnx/encoder_model.onnx and')])
  return (session.json() as unknown as { readonly models: readonly Model[] }).models
}

const ENCODER = 'onnx/encoder_model.onnx'

describe('a folder with an encoder and its decoder', () => {
  test('is inspected, each model by its own path', async () => {
    type View = { readonly model: { readonly path: string }; readonly parameters: { readonly total: number } }
    const views = await modelsOf<View>('inspect', 'two', '--structure', 'neuron')
    // 16 · 8 in the table, 8 · 8 in the mix, 8 · 12 twice.
    expect(views.map(({ model }) => model.path)).toEqual([`two/${ENCODER}`, 'two/onnx/decoder_model.onnx'])
    expect(views[0]!.parameters.total).toBe(128 + 64 + 2 * 96)
    const session = await pare(['inspect', 'two', '--structure', 'neuron'], { cwd })
    expect(session.stdout).toContain(`two/${ENCODER}  (`)
    expect(session.stdout).toContain('two/onnx/decoder_model.onnx  (')
  })

  test('has a plan for each, that names the set, and replay finds its model in the folder', async () => {
    type Made = { readonly plan: { readonly path: string }; readonly groups: readonly { readonly removed: number }[] }
    const argv = ['--structure', 'neuron', '--ratio', '0.25', '--out', 'plans']
    const plans = await modelsOf<Made>('plan', 'merged', ...argv)
    const paths = plans.map(({ plan }) => plan.path)
    expect(paths).toEqual(['plans/onnx/encoder_model.plan.json', 'plans/onnx/decoder_model_merged.plan.json'])
    const [encoder, decoder] = await Promise.all(paths.map(async (path) => JSON.parse(await readFile(join(cwd, path), 'utf8'))))
    expect([encoder.model.path, decoder.model.path]).toEqual([`merged/${ENCODER}`, 'merged/onnx/decoder_model_merged.onnx'])
    for (const [i, path] of paths.entries()) {
      const replayed = await pare(['replay', path, 'merged', '--out', `replayed-${i}`, '--json'], { cwd })
      expect(replayed.exitCode, replayed.stderr).toBe(0)
    }
    const { stdout } = await pare(['plan', 'merged', ...argv], { cwd })
    expect(stdout).toContain('removes 3 of 12 neuron units in 1 group')
    expect(stdout).toContain('apply it: pare replay plans/onnx/encoder_model.plan.json merged')
  })

  test('in which a structure finds nothing, is refused by the name of the model', async () => {
    for (const command of ['plan', 'prune']) {
      const { exitCode, stderr } = await pare([command, 'two', '--structure', 'channel', '--ratio', '0.5'], { cwd })
      expect(exitCode).toBe(2)
      expect(stderr).toContain(`two/${ENCODER}: structure 'channel' finds nothing to prune`)
      expect(stderr).toContain(`pare inspect two/${ENCODER} lists`)
    }
  })

  test('is timed beside another one, encoder by encoder and decoder by decoder', async () => {
    type Pair = { readonly reference: { readonly path: string }; readonly pruned: { readonly path: string } }
    const pairs = await modelsOf<Pair>('bench', 'merged', 'two', '--threads', '1', '--batch', '1')
    expect(pairs.map(({ reference, pruned }) => [reference.path, pruned.path])).toEqual([
      [`merged/${ENCODER}`, `two/${ENCODER}`],
      ['merged/onnx/decoder_model_merged.onnx', 'two/onnx/decoder_model.onnx'],
    ])
    const uneven = await pare(['bench', 'merged', `two/${ENCODER}`], { cwd })
    expect([uneven.exitCode, uneven.stdout + uneven.stderr]).toEqual([
      2,
      expect.stringContaining(`merged is 2 models and two/${ENCODER} is one model`),
    ])
  })

  test('loses the tokens that texts never use from both files, and from both branches of the decoder', async () => {
    type Smaller = { readonly proof: { readonly outputs: { readonly different: number; readonly numbers: number } } }
    const smaller = async (folder: string) => {
      const session = await pare(['vocabulary', folder, '--text', 'text.jsonl', '--out', `smaller-${folder}`, '--json'], { cwd })
      expect(session.exitCode, session.stderr).toBe(0)
      return (session.json() as unknown as { models: readonly Smaller[] }).models.map(({ proof }) => proof.outputs)
    }
    const [merged, two] = [await smaller('merged'), await smaller('two')]
    expect([...merged, ...two].map(({ different }) => different)).toEqual([0, 0, 0, 0, 0])
    // One branch alone gives no more numbers than the file that begins.
    expect(merged[1]!.numbers).toBeGreaterThan(two[1]!.numbers)
  })

  test.each([
    [['calibrate', 'two', '--data', 'text.jsonl', '--out', 'stats.pare'], 'data are for the inputs of one model'],
    [['sensitivity', 'two', '--data', 'text.jsonl'], 'data are for the inputs of one model'],
    [['plan', 'two', '--masks', 'masks.npz'], '--masks masks.npz is one file'],
    [['prune', 'two', '--masks', 'masks.npz'], '--masks masks.npz is one file'],
  ])('%j is refused with the reason and the file to name', async (argv, reason) => {
    const session = await pare(argv, { cwd })
    const said = session.stdout + session.stderr
    expect(session.exitCode).toBe(2)
    expect(said).toContain(`${reason}, and two holds 2 models that belong together`)
    expect(said).toContain(`name one of them: two/${ENCODER}`)
  })
})
