import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTasks } from '../settings/tasks.js'
import { silence } from '../terminal/progress.js'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'
import { changedParts, decidesTheSame, decisiveOf, unknownParts } from './decisive.js'
import { readSamples } from './locked-samples.js'

it('parts that differ decide, and code always does', () => {
  expect(decidesTheSame({ model: 'a' }, { model: 'a' })).toBe(true)
  expect(decidesTheSame({ model: 'a' }, { model: 'a', data: 'b' })).toBe(false)
  const code = { settings: 'not hashed: the config holds code' }
  expect(decidesTheSame(code, code)).toBe(false)
  expect(changedParts(code, { settings: 'abc' })).toEqual([])
  expect(unknownParts(code, { settings: 'abc' })).toEqual([{ part: 'settings', why: 'the config holds code' }])
  expect(changedParts({ a: '1', b: '2', c: '3' }, { b: '2', a: '0', d: '4' })).toEqual(['a', 'd', 'c'])
})

async function project(): Promise<Folder> {
  const folder = await fixture()
  await copyFile(join(TEST_MODELS, 'mlp-digits.onnx'), join(folder.path, 'model.onnx'))
  await copyFile(join(TEST_MODELS, 'data/digits-evaluate.npz'), join(folder.path, 'val.npz'))
  await config(folder, 0.02)
  return folder
}

function config(folder: Folder, maxDrop: number): Promise<void> {
  const settings = {
    models: [{ path: 'model.onnx' }],
    evaluate: { data: 'val.npz', metric: 'accuracy' },
    gate: { maxDrop },
    prune: [{ target: { sparsity: 0.5 } }],
  }
  return writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(settings))
}

describe('pare run with a lock file', () => {
  it('writes it, tells what is loosened, and carries forward what did not change', async () => {
    await using folder = await project()
    const cwd = folder.path
    expect((await pare(['run', '--lock'], { cwd })).exitCode).toBe(0)
    const written = await readFile(join(cwd, 'pare.lock.json'), 'utf8')
    expect(JSON.parse(written).models['model.onnx'].result).toMatchObject({ verdict: 'pass', metric: 'accuracy' })

    const carried = await pare(['run', '--carry-forward', '--json'], { cwd })
    expect(carried.json()).toMatchObject({ verdict: 'pass', models: [{ carried: true }], against: { changes: [] } })

    await config(folder, 0.9)
    const loosened = await pare(['run', '--carry-forward', '--json'], { cwd })
    const { models, against } = loosened.json() as { models: object[]; against: { changes: { text: string }[] } }
    expect(models[0]).not.toHaveProperty('carried')
    expect(against.changes.map(({ text }) => text)).toEqual(['This run allows a drop of 0.9; the lock file allows 0.02.'])
    expect(await readFile(join(cwd, 'pare-out/summary.md'), 'utf8')).toContain('🔓 This run allows a drop of 0.9')

    const none = await pare(['run', '--carry-forward', '--against', 'none', '--json'], { cwd })
    expect(none.json()).not.toHaveProperty('against')
    // Only --lock writes.
    expect(await readFile(join(cwd, 'pare.lock.json'), 'utf8')).toBe(written)
  })

  it.each<[string, (folder: Folder) => Promise<unknown>]>([
    ['the data', (folder) => copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'val.npz'))],
    ['what tells how data are read', (folder) => writeFile(join(folder.path, 'config.json'), '{"id2label": {"0": "zero"}}')],
    ['a setting', (folder) => config(folder, 0.021)],
  ])('does not carry forward where %s changed', async (_, change) => {
    await using folder = await project()
    const cwd = folder.path
    await pare(['run', '--lock', '--quiet'], { cwd })
    await change(folder)
    const { json } = await pare(['run', '--carry-forward', '--json'], { cwd })
    expect((json() as { models: object[] }).models[0]).not.toHaveProperty('carried')
  })

  it('knows the chat template, and what ends an answer, beside the tokenizer', async () => {
    await using folder = await project()
    const cwd = folder.path
    const decisive = async () => {
      const evaluate = { data: 'chats.jsonl', tokenizer: 'words/tokenizer.json', metric: 'word-f1', maxTokens: 8 }
      await writeFile(join(cwd, 'pare.config.json'), JSON.stringify({ models: [{ path: 'model.onnx' }], evaluate }))
      const { tasks } = await readTasks({ cwd, overrides: {}, trusted: true })
      return decisiveOf(tasks[0]!, {})
    }
    await mkdir(join(cwd, 'words'))
    await writeFile(join(cwd, 'words/tokenizer.json'), '{}')
    await writeFile(join(cwd, 'chats.jsonl'), '{"messages": []}')
    for (const [name, part] of [
      ['tokenizer.json', 'tokenizer'],
      ['tokenizer_config.json', 'settings of the tokenizer'],
      ['chat_template.jinja', 'chat_template.jinja beside the tokenizer'],
      ['generation_config.json', 'generation_config.json beside the tokenizer'],
    ] as const) {
      const before = await decisive()
      await writeFile(join(cwd, 'words', name), '{"eos_token_id": 1}')
      const after = await decisive()
      expect(changedParts(before, after)).toEqual([part])
      expect(decidesTheSame(before, after)).toBe(false)
    }
  })

  it('does not carry forward what code decides, or files elsewhere that a table names', async () => {
    await using folder = await project()
    const cwd = folder.path
    const decisive = async (settings: object) => {
      await writeFile(join(cwd, 'pare.config.json'), JSON.stringify({ models: [{ path: 'model.onnx' }], ...settings }))
      const { tasks } = await readTasks({ cwd, overrides: {}, trusted: true })
      return decisiveOf(tasks[0]!, {})
    }
    await writeFile(
      join(cwd, 'metric.mjs'),
      "export default () => ({ name: 'own', formula: 'own', better: 'higher', bounded: true, needs: { against: 'class', read: 'answers' }, combine: 'proportion', of: () => [1] })",
    )
    const own = await decisive({ evaluate: { data: 'val.npz', metric: './metric.mjs' }, gate: { min: 0 } })
    expect(decidesTheSame(own, own)).toBe(false)
    const named = () => decisive({ evaluate: { data: 'paths.csv', metric: 'accuracy' } })
    for (const path of ['../a.png', 'not-there.png']) {
      await writeFile(join(cwd, 'paths.csv'), `image,label\n${path},1\n`)
      const elsewhere = await named()
      expect(decidesTheSame(elsewhere, elsewhere)).toBe(false)
    }
    // The images that a table names decide, too.
    await writeFile(join(cwd, 'paths.csv'), 'image,label\na.png,1\n')
    await writeFile(join(cwd, 'a.png'), 'one')
    const before = await named()
    expect(decidesTheSame(before, await named())).toBe(true)
    await writeFile(join(cwd, 'a.png'), 'two')
    expect(changedParts(before, await named())).toEqual(['evaluation data'])
    // A command may read anything.
    const judged = await decisive({ evaluate: { data: 'val.npz', metric: ['accuracy', 'accepted:command=./judge'] } })
    expect(decidesTheSame(judged, judged)).toBe(false)
    expect(judged).toHaveProperty("command './judge'", 'not hashed: it may read anything')
    const plain = await decisive({ evaluate: { data: 'val.npz', metric: 'accuracy' } })
    expect(decidesTheSame(plain, plain)).toBe(true)
  })

  it('takes a data module for what it yields, whatever its code is', async () => {
    await using folder = await project()
    const cwd = folder.path
    const settings = {
      models: [{ path: 'model.onnx' }],
      evaluate: { data: 'data.mjs', metric: 'agreement' },
      gate: { min: 0.01 },
      baselines: false,
    }
    await writeFile(join(cwd, 'pare.config.json'), JSON.stringify({ ...settings, prune: [{ target: { sparsity: 0.5 } }] }))
    // The samples lie in a file that the module reads.
    const samples = (shift: number) =>
      JSON.stringify(
        Array.from({ length: 20 }, (_, i) => ({
          input: Array.from({ length: 64 }, (_, j) => ((i * j + shift) % 17) / 16),
          label: i % 10,
        })),
      )
    const code = (more = '') =>
      `import { readFileSync } from 'node:fs'\n${more}\nexport default function* () { yield* JSON.parse(readFileSync(new URL('./rows.json', import.meta.url), 'utf8')) }`
    await writeFile(join(cwd, 'rows.json'), samples(0))
    await writeFile(join(cwd, 'data.mjs'), code())
    expect((await pare(['run', '--lock', '--quiet'], { cwd })).exitCode).toBe(0)
    await writeFile(join(cwd, 'data.mjs'), code('// Other code, the same samples.'))
    const { json } = await pare(['run', '--carry-forward', '--json'], { cwd })
    expect(json()).toMatchObject({ models: [{ carried: true }], against: { changes: [] } })
    const decisive = async () => {
      const { tasks } = await readTasks({ cwd, overrides: {}, trusted: true })
      const { signal } = new AbortController()
      return await decisiveOf(tasks[0]!, {}, { engine: {}, signal, progress: silence, yields: new Map() })
    }
    const before = await decisive()
    await writeFile(join(cwd, 'rows.json'), samples(1))
    const after = await decisive()
    expect(changedParts(before, after)).toEqual(['evaluation data'])
    await writeFile(join(cwd, 'data.mjs'), 'export default [{ input: "what no array is", label: [[1], 2] }]')
    const broken = await decisive()
    expect(unknownParts(before, broken)).toEqual([
      { part: 'evaluation data', why: expect.stringContaining('data.mjs: sample 0') },
    ])
    expect(decidesTheSame(broken, broken)).toBe(false)
  })

  it('says why it does not know whether data are as they were', async () => {
    await using folder = await project()
    const cwd = folder.path
    await pare(['run', '--lock', '--quiet'], { cwd })
    const path = join(cwd, 'pare.lock.json')
    const written = await readFile(path, 'utf8')
    const data = JSON.parse(written).models['model.onnx'].decisive['evaluation data'] as string
    await writeFile(path, written.replace(data, 'not hashed: it names ../a.png, which lies elsewhere'))
    const { json, stderr } = await pare(['run', '--carry-forward', '--json'], { cwd })
    expect((json() as { models: object[] }).models[0]).not.toHaveProperty('carried')
    expect(stderr).toContain('nothing tells whether this is as it was: evaluation data (it names ../a.png, which lies elsewhere)')
    expect(json()).toMatchObject({
      against: {
        changes: [
          {
            text: 'Nothing tells whether this run measures with the evaluation data of the lock file: it names ../a.png, which lies elsewhere.',
          },
        ],
      },
    })
    await writeFile(path, written)
    await config(folder, 0.02)
    const settings = JSON.parse(await readFile(join(cwd, 'pare.config.json'), 'utf8'))
    await writeFile(path, written.replace(data, 'not hashed'))
    await writeFile(join(cwd, 'pare.config.json'), JSON.stringify({ ...settings, gate: { maxDrop: 0.9, maxRegression: 0.001 } }))
    const judged = await pare(['run', '--json'], { cwd })
    expect(JSON.stringify(judged.json())).toContain('so a regression was not judged')
  })

  it('fails a model that is worse than the one before, whatever it was pruned from', async () => {
    await using folder = await project()
    const cwd = folder.path
    await pare(['run', '--lock', '--sparsity', '0.3'], { cwd })
    const settings = JSON.parse(await readFile(join(cwd, 'pare.config.json'), 'utf8'))
    await writeFile(join(cwd, 'pare.config.json'), JSON.stringify({ ...settings, gate: { maxDrop: 0.9, maxRegression: 0.001 } }))
    const { exitCode, json } = await pare(['run', '--sparsity', '0.9', '--json'], { cwd })
    expect(exitCode).toBe(1)
    expect(json()).toMatchObject({
      models: [
        {
          reasons: [expect.stringContaining('less than the pruned model of the lock file')],
          warnings: expect.arrayContaining([expect.stringContaining('keeps no samples of accuracy')]),
        },
      ],
    })
    // Once a regression is limited, samples are kept, and judged one by one.
    await pare(['run', '--lock', '--sparsity', '0.3'], { cwd })
    const { models } = JSON.parse(await readFile(join(cwd, 'pare.lock.json'), 'utf8'))
    expect(readSamples(models['model.onnx'].samples).accuracy).toMatchObject({ kind: 'proportion', correct: { length: 450 } })
    const paired = await pare(['run', '--sparsity', '0.9', '--json'], { cwd })
    expect((paired.json() as { models: { reasons: string[] }[] }).models[0]?.reasons[0]).toContain(
      '95 % interval of the difference',
    )
    // What was changed by hand is not taken for what was measured.
    const [text] = Object.values(models['model.onnx'].samples) as [{ sha256: string; deflated: string }]
    expect(readSamples({ accuracy: { ...text, sha256: '0' } })).toEqual({})
    expect(readSamples({ accuracy: { ...text, deflated: 'AAAA' } })).toEqual({})
  })

  it.each([
    ['{', 'is not a lock file'],
    ['{"schemaVersion": 2}', 'is not a lock file: schemaVersion'],
  ])('refuses %s', async (text, message) => {
    await using folder = await project()
    await writeFile(join(folder.path, 'pare.lock.json'), text)
    const { exitCode, stderr } = await pare(['run'], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
    expect(await folder.files()).not.toContain('pare-out/results.json')
  })

  it('refuses one that is named and not there', async () => {
    await using folder = await project()
    const { exitCode, stderr } = await pare(['run', '--against', 'main=x.json'], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining('there is no lock file x.json') })
  })
})
