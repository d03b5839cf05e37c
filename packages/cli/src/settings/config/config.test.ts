import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configJsonSchema } from '../../options/json-schema.js'
import { describeFirstParty } from '../../plugins/first-party-descriptions.js'
import { fixture } from '../../testing/folder.js'
import { pare } from '../../testing/terminal.js'
import { readTasks } from '../tasks.js'
import { checkShape } from './config-problems.js'

describe('a config', () => {
  it('tells all its problems at once, each with place, value and cure', async () => {
    await using folder = await fixture('bad-config')
    const { exitCode, stderr, stdout } = await pare(['run'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr.split('\n').filter((line) => !line.includes('hint:'))).toEqual([
      'pare run: 9 problems in pare.config.json:',
      '  pare.config.json:6:80: models[0].prune[0].target.sparsity: is 1.5; expected a number from 0 to 1, such as 0.5.',
      "  pare.config.json:2:3: sede: 'sede' is not an option.",
      `  pare.config.json:10:7: models[1].path: model 'absent.onnx' is not a file: it does not exist (looked for ${folder.path}/absent.onnx).`,
      `  pare.config.json:7:21: models[0].evaluate.data: evaluation data 'missing.npz' is not a file: it does not exist (looked for ${folder.path}/missing.npz).`,
      "  pare.config.json:7:44: models[0].evaluate.metric: metric 'acuracy' is unknown.",
      "  pare.config.json:8:17: models[0].gate.maxDrop: maxDrop is '1%', text.",
      expect.stringContaining(
        "  pare.config.json:6:17: models[0].prune[0]: criterion 'magnitud' not found. Tried @pare/criterion-magnitud, pare-criterion-magnitud, magnitud",
      ),
      '  pare.config.json:10:62: models[1].gate.maxDrop: maxDrop is 2, which nothing between 0 and 1 can exceed.',
      `  pare.config.json:10:30: models[1].train: training data 'train.npz' is not a file: it does not exist (looked for ${folder.path}/train.npz).`,
      '',
    ])
    expect(stderr).toContain("hint: did you mean 'seed'?")
    expect(stderr).toContain(
      "hint: did you mean 'magnitude'? Otherwise install it: npm install --save-dev pare-criterion-magnitud",
    )
    expect(stderr).toContain("hint: did you mean 'accuracy'?")
    expect(stderr).toContain('hint: write maxDrop: 0.01 for an absolute drop')
  })

  it('gives the same problems as data under --json', async () => {
    await using folder = await fixture('bad-config')
    const { exitCode, json } = await pare(['run', '--json', '--quiet'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    const { schemaVersion, command, error } = json() as {
      schemaVersion: number
      command: string
      error: { problems: { place: string }[] }
    }
    expect({ schemaVersion, command, problems: error.problems.length }).toEqual({ schemaVersion: 1, command: 'run', problems: 9 })
    expect(error.problems.map(({ place }) => place)).toContain('models[0].gate.maxDrop')
  })

  it.each(['json', 'yaml', 'typescript'])('in %s means the same', async (format) => {
    await using folder = await fixture(format)
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks).toHaveLength(1)
    const [task] = tasks
    expect(task).toMatchObject({ name: 'model.onnx', path: `${folder.path}/model.onnx`, demands: [{ maxDrop: 0.05 }] })
    expect(task?.steps).toMatchObject([
      { criterion: { name: 'magnitude' }, structure: { name: 'element' }, target: { sparsity: 0.3 }, scope: 'tensor' },
    ])
    expect(task?.evaluation?.request).toMatchObject({ data: `${folder.path}/val.npz` })
    expect(task?.evaluation?.request.metrics[0]).toBe('accuracy')
  })

  it('is found from folders below', async () => {
    await using folder = await fixture('json', { 'deep/down/note.txt': '' })
    const { tasks } = await readTasks({ cwd: `${folder.path}/deep/down`, overrides: {}, trusted: true })
    expect(tasks.map(({ path }) => path)).toEqual([`${folder.path}/model.onnx`])
    expect(tasks[0]?.seed).toBe(7)
  })

  it('fills in half of all elements by magnitude, accuracy, and a drop of 0.01', async () => {
    await using folder = await fixture('defaults')
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks[0]?.steps).toMatchObject([
      { criterion: { name: 'magnitude' }, structure: { name: 'element' }, target: { sparsity: 0.5 } },
    ])
    expect(tasks[0]).toMatchObject({ demands: [{ maxDrop: 0.01 }], evaluation: { request: { metrics: ['accuracy'] } } })
    expect(tasks[0]?.seed).toBe(1)
  })

  it('lets options win field by field', async () => {
    await using folder = await fixture('json')
    const overrides = { prune: { target: { sparsity: 0.9 } }, gate: { min: 0.5 }, seed: 3, evaluate: { metric: 'f1' } }
    const { tasks } = await readTasks({ cwd: folder.path, overrides, trusted: true })
    expect(tasks[0]?.steps).toMatchObject([{ target: { sparsity: 0.9 }, scope: 'tensor' }])
    expect(tasks[0]?.demands).toEqual([{ maxDrop: 0.05, min: 0.5 }])
    expect(tasks[0]?.evaluation?.request.metrics).toEqual(['f1'])
    expect(tasks[0]?.seed).toBe(3)
  })

  it('keeps the settings of a model that is named from outside', async () => {
    await using folder = await fixture('json')
    const { tasks } = await readTasks({ cwd: folder.path, overrides: { models: ['./model.onnx'] }, trusted: true })
    expect(tasks).toHaveLength(1)
    expect(tasks[0]).toMatchObject({ demands: [{ maxDrop: 0.05 }], steps: [{ target: { sparsity: 0.3 } }] })
  })

  it('does not guess which of several steps an option means', async () => {
    const steps = '[{ "target": { "sparsity": 0.1 } }, { "target": { "sparsity": 0.2 } }]'
    await using folder = await fixture(undefined, {
      'pare.config.json': `{ "models": [{ "path": "model.onnx", "prune": ${steps} }] }`,
    })
    await expect(
      readTasks({ cwd: folder.path, overrides: { prune: { target: { sparsity: 0.3 } } }, trusted: true }),
    ).rejects.toThrow("models[0]: has 2 pruning steps, and 'target' given from outside does not say which one it changes.")
  })

  it('says what is wrong with JSON, YAML and TypeScript that cannot be read', async () => {
    await using json = await fixture(undefined, { 'pare.config.json': '{ "models": [' })
    await using yaml = await fixture(undefined, { 'pare.config.yaml': 'models: [{ path: a' })
    await using script = await fixture(undefined, { 'pare.config.ts': 'import "not-installed-anywhere"\nexport default {}' })
    expect(await pare(['run'], { cwd: json.path })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('pare.config.json is not JSON:'),
    })
    expect(await pare(['run'], { cwd: yaml.path })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('pare.config.yaml is not YAML:'),
    })
    expect(await pare(['run'], { cwd: script.path })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('not-installed-anywhere'),
    })
  })

  it('is not chosen by luck where there are two', async () => {
    await using folder = await fixture('json', { 'pare.config.yaml': 'seed: 2' })
    const { exitCode, stderr } = await pare(['run'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('has two configs, pare.config.json and pare.config.yaml.')
    const { tasks } = await readTasks({ cwd: folder.path, config: 'pare.config.json', overrides: {}, trusted: true })
    expect(tasks[0]?.seed).toBe(7)
  })

  it('that is missing is told with the way to write one', async () => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['run'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('no model to run, and no pare.config.* here or above.')
    expect(stderr).toContain('pare init')
  })

  it('that is not an object at all is one problem', () => {
    expect(checkShape('models').problems).toEqual([
      {
        place: '',
        message: 'is "models"; expected a config of pare: models to prune, how to measure them, and what they may lose.',
      },
    ])
  })
})

describe('the published JSON Schema', () => {
  it('is what the config is checked with', async () => {
    const published = await readFile(new URL('../../../schema/config.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(published), 'write it anew with: npm run generate -w @pare/cli').toEqual(
      configJsonSchema(await describeFirstParty()),
    )
  })
})
