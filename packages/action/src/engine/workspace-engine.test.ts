import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunResults } from '@pare/report'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readInputs } from '../inputs.js'
import type { EngineRequest } from './engine.js'
import { argumentsOf, findWorkspaceCli, runWorkspaceCli, scrubbed } from './workspace-engine.js'

const results: RunResults = { schemaVersion: 1, command: 'run', verdict: 'pass', models: [] }
let workspace: string
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), 'pare-workspace-'))
})
afterEach(() => rmSync(workspace, { recursive: true, force: true }))

const read = (inputs: Readonly<Record<string, string>>) =>
  readInputs(Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))).run

/** Installs a command line that is this script. */
function install(script: string, manifest: object = { version: '9.9.9', bin: { pare: './main.mjs' } }): void {
  const folder = join(workspace, 'node_modules/@pare/cli')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'main.mjs'), script)
}

function run(signal = new AbortController().signal, task: EngineRequest['task'] = { kind: 'run' }) {
  const cli = findWorkspaceCli(workspace, workspace)
  if (cli === undefined) throw new Error('not found')
  return runWorkspaceCli(cli, { inputs: read({ models: 'm.onnx' }), task, workingDirectory: workspace, folder: 'out', signal })
}

describe("the workspace's command line", () => {
  it('is found from the working directory upwards, by its bin', () => {
    install('')
    expect(findWorkspaceCli(join(workspace, 'deep/er'), workspace)).toEqual({
      version: '9.9.9',
      script: join(workspace, 'node_modules/@pare/cli/main.mjs'),
    })
    install('', { bin: './main.mjs' })
    expect(findWorkspaceCli(workspace, workspace)?.version).toBe('unknown')
    install('', { version: '1.0.0' })
    expect(findWorkspaceCli(workspace, workspace)).toBeUndefined()
  })

  it('with a broken package.json is an error that names the file', () => {
    install('')
    writeFileSync(join(workspace, 'node_modules/@pare/cli/package.json'), '{')
    expect(() => findWorkspaceCli(workspace, workspace)).toThrow(/@pare.cli.package\.json' cannot be read/)
  })

  it('gives its results as JSON, and its exit code', async () => {
    install(`console.log(JSON.stringify(${JSON.stringify({ ...results, verdict: 'fail' })})); process.exitCode = 1`)
    await expect(run()).resolves.toEqual({ results: { ...results, verdict: 'fail' }, exitCode: 1 })
  })

  it('gets neither tokens nor the files of the step', async () => {
    install(
      `process.stdout.write(JSON.stringify({ ...${JSON.stringify(results)}, models: [] })); process.exitCode = Object.keys(process.env).some((n) => /^INPUT_|^ACTIONS_/.test(n)) ? 1 : 0`,
    )
    process.env['INPUT_GITHUB-TOKEN'] = 'secret'
    try {
      await expect(run()).resolves.toMatchObject({ exitCode: 0 })
    } finally {
      delete process.env['INPUT_GITHUB-TOKEN']
    }
    const env = {
      PATH: 'p',
      GITHUB_SHA: 's',
      GITHUB_TOKEN: 't',
      ACTIONS_RUNTIME_TOKEN: 't',
      INPUT_CONFIG: 'c',
      GITHUB_OUTPUT: 'o',
      GITHUB_ENV: 'e',
    }
    expect(scrubbed(env)).toEqual({ PATH: 'p', GITHUB_SHA: 's' })
  })

  it('that refuses its config is reported with its own words', async () => {
    install(
      `console.log(JSON.stringify({ schemaVersion: 1, command: 'run', error: { message: 'pare: no', hint: 'do so' } })); process.exitCode = 2`,
    )
    await expect(run()).rejects.toMatchObject({ kind: 'usage', message: 'pare: no', hint: 'do so' })
  })

  it('that crashes, or writes something else, is an error that says which version', async () => {
    install(`console.log('oops'); process.exitCode = 3`)
    await expect(run()).rejects.toMatchObject({
      kind: 'infrastructure',
      message: expect.stringContaining('@pare/cli 9.9.9 ended with exit code 3'),
    })
    install(`console.log(JSON.stringify({ schemaVersion: 2 }))`)
    await expect(run()).rejects.toMatchObject({
      kind: 'infrastructure',
      message: expect.stringContaining('schemaVersion 2, which this action cannot read'),
    })
  })

  it('is ended when the step is cancelled', async () => {
    install('setInterval(() => {}, 1000)')
    const cancelled = new AbortController()
    setTimeout(() => cancelled.abort(new Error('cancelled')), 300)
    await expect(run(cancelled.signal)).rejects.toThrow('cancelled')
  })
})

describe('its arguments', () => {
  it('are the inputs that were given, models last', () => {
    expect(argumentsOf(read({}), { folder: 'out', task: { kind: 'run' } })).toEqual(['run', '--json', '--out=out'])
    const all = {
      config: 'c.json',
      models: '-a.onnx\nb.onnx',
      data: 'd',
      metric: 'm',
      calibrate: 'k',
      criterion: 'magnitude:p=2',
      structure: 'element',
      sparsity: '0.5',
      'max-drop': 'relative=0.01',
    }
    const argv = argumentsOf(read(all), { folder: 'out', task: { kind: 'run' } })
    expect([argv.slice(0, 3), argv.slice(-3)]).toEqual([
      ['run', '--json', '--out=out'],
      ['--', '-a.onnx', 'b.onnx'],
    ])
    const options = Object.entries(all).flatMap(([name, text]) => (name === 'models' ? [] : [`--${name}=${text}`]))
    expect([...argv.slice(3, -3)].sort()).toEqual(options.sort())
    expect(argumentsOf(read({ 'allow-worthless-reference': 'true' }), { folder: 'out', task: { kind: 'run' } })).toContain(
      '--allow-worthless-reference',
    )
    expect(argumentsOf(read({ 'allow-worthless-reference': 'False' }), { folder: 'out', task: { kind: 'run' } })).toContain(
      '--no-allow-worthless-reference',
    )
    const rest = { folder: 'out' }
    const told = { lock: 'true', models: 'm.onnx' }
    expect(argumentsOf(read(told), { ...rest, task: { kind: 'shard', index: 2, count: 8 } })).toEqual([
      ...['run', '--json', '--out=out', '--shard=2/8', '--lock', '--', 'm.onnx'],
    ])
    expect(argumentsOf(read(told), { ...rest, task: { kind: 'merge', path: '/shards' } })).toEqual([
      ...['merge', '--json', '--out=out', '--lock', '--', '/shards', 'm.onnx'],
    ])
    expect(argumentsOf(read(told), { ...rest, task: { kind: 'plan', shards: 8 } })).toEqual([
      ...['plan-run', '--json', '--shards=8', '--', 'm.onnx'],
    ])
    expect(argumentsOf(read({ target: 'macs=0.5' }), { folder: 'out', task: { kind: 'run' } })).toContain('--target=macs=0.5')
  })
})
