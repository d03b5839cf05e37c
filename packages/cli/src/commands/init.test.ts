import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { runResults } from '@pare/report'
import { toneWav, writeTinyWhisper } from '@pare/testing'
import { describe, expect, it } from 'vitest'
import { readTasks } from '../settings/tasks.js'
import type { Io } from '../terminal/io.js'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { taskFolder } from '../testing/tasks/folder.js'
import { LIGHT } from '../testing/tasks/task.js'
import { TASKS } from '../testing/tasks/tasks.js'
import { pareInProcess as pare } from '../testing/terminal.js'

/** Where another metric than that of the table is the likelier one. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'A Parquet table': 'accuracy',
  'Pairs of texts': 'accuracy',
}

describe.concurrent('pare init, and pare run without a word more, judge', () => {
  it.each(TASKS)('$name', async (task) => {
    await using folder = await taskFolder({ make: task.make })
    const cwd = folder.path
    const { exitCode } = await pare(['init'], { cwd })
    expect(exitCode).toBe(0)
    const run = await pare(['run', '--sparsity', LIGHT, '--json'], { cwd })
    const [model] = runResults.parse(run.json()).models
    expect([run.exitCode, model?.verdict, model?.reasons]).toEqual([0, 'pass', []])
    expect(model?.metric).toBe(OTHERWISE[task.name] ?? task.metric)
  })
})

describe('pare init', () => {
  it.each(['ts', 'json', 'yaml'])('writes a %s config that holds for what is there', async (format) => {
    await using folder = await fixture(undefined, { 'data/train.csv': '' })
    const { exitCode, stdout } = await pare(['init', '--format', format], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Models in it: model.onnx.')
    expect(stdout).toContain('runs-on: ubuntu-latest')
    expect(stdout).toContain('train.csv: the file is empty.')
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks).toMatchObject([
      {
        name: 'model.onnx',
        demands: [{ maxDrop: 0.01 }],
        evaluation: { request: { data: join(folder.path, 'val.npz'), metrics: ['accuracy'] } },
      },
    ])
    const text = await readFile(join(folder.path, `pare.config.${format}`), 'utf8')
    if (format !== 'ts') expect(text).toContain('schema/config.schema.json')
  })

  it('takes an encoder with its decoder as one, by what both write', async () => {
    await using folder = await fixture()
    const [cwd, sounds] = [folder.path, join(folder.path, 'recordings')]
    await rm(join(cwd, 'model.onnx'))
    await writeTinyWhisper(join(cwd, 'models/whisper'))
    await mkdir(sounds)
    for (const tone of [300, 900]) await writeFile(join(sounds, `${tone}.wav`), toneWav(tone).bytes)
    await writeFile(join(sounds, 'metadata.csv'), 'file_name,sentence\n300.wav,a b\n900.wav,c\n')
    const { exitCode, stdout } = await pare(['init'], { cwd })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Models in it: models/whisper.')
    expect(stdout).toContain('Measured with: recordings ')
    expect(await readFile(join(cwd, 'pare.config.yaml'), 'utf8')).toContain('data: recordings\n  metric: wer:text=spoken\n')
  })

  it('takes no feature for the name of a sample where several columns are labels', async () => {
    await using folder = await fixture()
    const features = Array.from({ length: 64 }, (_, i) => `f${i}`)
    const row = (i: number) => [...features.map((_, k) => Math.sin(i + k)), i % 2, (i >> 1) % 2]
    const rows = Array.from({ length: 40 }, (_, i) => row(i).join(','))
    await writeFile(join(folder.path, 'val.csv'), [[...features, 'cat', 'dog'].join(','), ...rows].join('\n'))
    await rm(join(folder.path, 'val.npz'))
    expect((await pare(['init'], { cwd: folder.path })).exitCode).toBe(0)
    expect(await readFile(join(folder.path, 'pare.config.yaml'), 'utf8')).not.toMatch(/^ *id:/m)
    const { exitCode, stderr } = await pare(['check'], { cwd: folder.path })
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining('Several labels of a sample, each 0 or 1, are said as --label'),
    ])
  })

  it('takes TypeScript where TypeScript is at home', async () => {
    await using folder = await fixture(undefined, { 'tsconfig.json': '{}' })
    const { json } = await pare(['init', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({ command: 'init', config: { path: 'pare.config.ts' }, models: ['model.onnx'], data: 'val.npz' })
    expect(await readFile(join(folder.path, 'pare.config.ts'), 'utf8')).toContain("import { defineConfig } from '@pare/cli'")
  })

  it('never overwrites a config', async () => {
    await using folder = await fixture('json')
    const before = await readFile(join(folder.path, 'pare.config.json'), 'utf8')
    const { exitCode, stderr } = await pare(['init', '--format', 'yaml'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('pare.config.json is already here')
    expect(await folder.files()).not.toContain('pare.config.yaml')
    expect(await readFile(join(folder.path, 'pare.config.json'), 'utf8')).toBe(before)
  })

  it('gives each model the data that fit it', async () => {
    await using folder = await fixture()
    await cp(join(TEST_MODELS, 'mnist-resnet20-bn.onnx'), join(folder.path, 'resnet.onnx'))
    await cp(join(TEST_MODELS, 'data/mnist-evaluate.npz'), join(folder.path, 'mnist-test.npz'))
    await pare(['init'], { cwd: folder.path })
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    const data = tasks.map(({ name, evaluation }) => [name, evaluation?.request.data.slice(folder.path.length + 1)])
    expect(data).toEqual([
      ['model.onnx', 'val.npz'],
      ['resnet.onnx', 'mnist-test.npz'],
    ])
    expect(await readFile(join(folder.path, 'pare.config.yaml'), 'utf8')).not.toContain('preset')
  })

  it('takes the subjects of questions for slices, and no part of a question for anything else', async () => {
    const task = TASKS.find(({ name }) => name === 'Multiple choice')!
    await using folder = await taskFolder({ make: task.make })
    const question = (i: number) => ({
      ...{ question: `w${i} w1`, choices: ['w2', 'w3', 'w4', 'w5'], answer: i % 4 },
      ...{ subject: ['maths', 'law'][i % 2], id: `q${i}` },
    })
    const rows = Array.from({ length: 24 }, (_, i) => JSON.stringify(question(i)))
    await writeFile(join(folder.path, 'val.jsonl'), rows.join('\n'))
    expect((await pare(['init', '--format', 'yaml'], { cwd: folder.path })).exitCode).toBe(0)
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    const { request } = tasks[0]!.evaluation!
    expect(request).toMatchObject({ metrics: ['choice-accuracy'], slices: ['subject'] })
    expect([request.label, request.group, request.classes]).toEqual([undefined, undefined, undefined])
  })

  it('leaves a question and its answer to a classifier as they are', async () => {
    const task = TASKS.find(({ name }) => name === 'Text classification')!
    await using folder = await taskFolder({ make: task.make })
    const rows = Array.from({ length: 24 }, (_, i) =>
      JSON.stringify({ question: `w${i} w1`, answer: ['negative', 'positive'][i % 2] }),
    )
    await writeFile(join(folder.path, 'val.jsonl'), rows.join('\n'))
    expect((await pare(['init', '--format', 'yaml'], { cwd: folder.path })).exitCode).toBe(0)
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks[0]!.evaluation!.request).toMatchObject({ metrics: ['accuracy'], label: 'answer', text: { field: 'question' } })
  })

  it('says what it did not find', async () => {
    await using folder = await fixture(undefined, {
      'val.npz': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
    })
    const { exitCode, stdout } = await pare(['init'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('data: none was found that fits model.onnx')
    expect(stdout).toContain('a Git LFS pointer, not the file itself.')
  })
})

describe('pare init beside models that cannot be read', () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n'
  const unreadable = { 'a/pointer.onnx': pointer, 'a/empty.onnx': '', 'a/text.onnx': 'not a model' }

  it('leaves them out, each with its reason, and measures the others', async () => {
    await using folder = await fixture(undefined, unreadable)
    const { exitCode, stdout } = await pare(['init'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Models in it: model.onnx.')
    expect(stdout).toContain('Measured with: val.npz')
    for (const name of Object.keys(unreadable)) expect(stdout).toMatch(new RegExp(`^  left out: ${name}[: ]`, 'm'))
    expect(stdout).toContain('is a Git LFS pointer')
    expect((await pare(['check'], { cwd: folder.path })).exitCode).toBe(0)
  })

  it('writes nothing where there are no others', async () => {
    await using folder = await fixture(undefined, unreadable)
    await rm(join(folder.path, 'model.onnx'))
    const before = await readdir(folder.path)
    const { exitCode, stderr } = await pare(['init'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('pare init: no model here can be read:')
    for (const name of Object.keys(unreadable)) expect(stderr).toMatch(new RegExp(`^  left out: ${name}[: ]`, 'm'))
    expect(await readdir(folder.path)).toEqual(before)
  })
})

describe('pare init in a Git checkout', () => {
  const workflow = '.github/workflows/pare.yml'
  const checkout = async (files: Readonly<Record<string, string>> = {}) => {
    const folder = await fixture(undefined, files)
    await mkdir(join(folder.path, '.git'))
    return folder
  }
  const read = (folder: { readonly path: string }, name: string) => readFile(join(folder.path, name), 'utf8')

  it('writes the workflow, and keeps results out of Git', async () => {
    await using folder = await checkout({ '.gitignore': 'node_modules' })
    const { stdout } = await pare(['init'], { cwd: folder.path })
    expect(stdout).toContain(`Wrote pare.config.yaml, ${workflow}, .gitignore.`)
    expect(stdout).not.toContain('runs-on')
    expect(await read(folder, workflow)).toMatch(/- uses: actions\/checkout@v5\n {6}- uses: pare-dev\/pare@v1\n$/)
    expect(await read(folder, '.gitignore')).toBe('node_modules\npare-out/\n')
  })

  it('changes neither a workflow nor a .gitignore that say it already', async () => {
    await using folder = await checkout({ '.gitignore': '/pare-out\n', [workflow]: 'mine' })
    const { stdout } = await pare(['init'], { cwd: folder.path })
    expect(stdout).toContain('Wrote pare.config.yaml.\n')
    expect(await read(folder, workflow)).toBe('mine')
    expect(await read(folder, '.gitignore')).toBe('/pare-out\n')
  })

  it.each([
    ['*.onnx filter=lfs diff=lfs merge=lfs -text', true],
    ['/val.npz filter=lfs', true],
    ['# *.onnx filter=lfs\n*.onnx -text\nother/*.npz filter=lfs', false],
  ])('fetches from Git LFS where that holds a file: %j', async (attributes, lfs) => {
    await using folder = await checkout({ '.gitattributes': attributes })
    await pare(['init'], { cwd: folder.path })
    expect((await read(folder, workflow)).includes('with: { lfs: true }')).toBe(lfs)
  })
})

describe('pare init on a terminal', () => {
  const [ENTER, DOWN, CTRL_C] = ['\r', '\u001b[B', '\u0003'] as const

  /** Types a key at each question, as it comes. */
  async function typing(cwd: string, keys: readonly string[], args: readonly string[] = []) {
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin }) as unknown as NonNullable<
      Io['stdin']
    >
    const left = [...keys]
    let asked = ''
    const onStderr = (text: string) => {
      asked += text
      // Each question begins with its mark.
      if (!text.includes('◆') || left.length === 0) return
      setImmediate(() => (stdin as unknown as PassThrough).write(left.shift() ?? ''))
    }
    const session = await pare(['init', ...args], { cwd, isTTY: true, stdin, onStderr })
    return { ...session, asked }
  }

  it('asks which metric, and takes the answer', async () => {
    await using folder = await fixture()
    const { exitCode, asked } = await typing(folder.path, [`${DOWN}${ENTER}`])
    expect(exitCode).toBe(0)
    expect(asked).toContain('What is measured of model.onnx?')
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks).toMatchObject([{ evaluation: { request: { metrics: ['balanced-accuracy'] } } }])
  })

  it('writes nothing where it is broken off', async () => {
    await using folder = await fixture()
    await mkdir(join(folder.path, '.git'))
    const before = await folder.files()
    const { exitCode, stderr } = await typing(folder.path, [ENTER, CTRL_C])
    expect(exitCode).toBe(130)
    expect(stderr).toContain('interrupted')
    expect(await folder.files()).toEqual(before)
  })

  it.each([['--yes'], ['--json'], ['--quiet']])('asks nothing with %s', async (flag) => {
    await using folder = await fixture()
    await writeFile(join(folder.path, 'test.npz'), await readFile(join(folder.path, 'val.npz')))
    const { exitCode, asked } = await typing(folder.path, [], [flag])
    expect([exitCode, asked]).toEqual([0, ''])
  })
})
