import { describe, expect, it } from 'vitest'
import { fixture } from '../../testing/folder.js'
import { pare } from '../../testing/terminal.js'
import { readTasks } from '../tasks.js'
import { locatorOf, placeOfError } from './source-places.js'

const YAML = `# models and what they may lose
seed: 1
models:
  - path: a.onnx
    gate: { maxDrop: 0.01 }
  - { path: b.onnx, prune: [{ criterion: wanda },
      { criterion: magnitude }] }
gate: &limits
  maxDrop: 0.01
`
const JSON_TEXT = '{\r\n\t"models": [\r\n\t\t{ "path": "a.onnx" }\r\n\t],\r\n\t"gate": { "maxDrop": 1 }\r\n}'

async function found(text: string, place: string): Promise<string> {
  const at = (await locatorOf({ file: 'f', text }))(place)
  return at === undefined ? 'nowhere' : `${at.line}:${at.column}`
}

describe('a place in a config is found', () => {
  it.each([
    ['seed', '2:1'],
    ['models', '3:1'],
    ['models[0]', '4:5'],
    ['models[0].path', '4:5'],
    ['models[0].gate.maxDrop', '5:13'],
    ['models[1].prune[1].criterion', '7:9'],
    ['gate.maxDrop', '9:3'],
    // What is missing, where it is missing.
    ['models[1].evaluate.data', '6:5'],
    ['models[7].path', '3:1'],
    ['evaluate', 'nowhere'],
    ['', 'nowhere'],
  ])('%s of YAML', async (place, at) => {
    expect(await found(YAML, place)).toBe(at)
  })

  it.each([
    ['models[0].path', '3:5'],
    ['gate.maxDrop', '5:12'],
  ])('%s of JSON, with tabs and lines of Windows', async (place, at) => {
    expect(await found(JSON_TEXT, place)).toBe(at)
  })

  it('not where there is no text, or more than a config has', async () => {
    expect((await locatorOf(undefined))('seed')).toBeUndefined()
    expect(await found(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'a')).toBe('nowhere')
  })

  it('where a parser stopped', async () => {
    const config = { file: 'f', text: 'ab\ncd\nef' }
    expect(await placeOfError(config, new Error('Unexpected token at position 4'))).toEqual({ file: 'f', line: 2, column: 2 })
    expect(await placeOfError(config, new Error('Missing comma at line 3, column 2:'))).toEqual({ file: 'f', line: 3, column: 2 })
    expect(await placeOfError(config, new Error('Unexpected end'))).toBeUndefined()
  })
})

it('results know where the config names a model', async () => {
  await using folder = await fixture('yaml')
  const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
  const at = tasks[0]?.at
  expect(at).toMatchObject({ file: expect.stringMatching(/^pare\.config\.ya?ml$/), line: expect.any(Number) })
})

it('a config that is no JSON says where', async () => {
  await using folder = await fixture(undefined, { 'pare.config.json': '{\n  "models": [,]\n}' })
  const { exitCode, json } = await pare(['run', '--json', '--quiet'], { cwd: folder.path })
  expect(exitCode).toBe(2)
  expect(json()).toMatchObject({ error: { problems: [{ at: { line: 2 } }] } })
})
