import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTasks } from './tasks.js'
import { fixture, TEST_MODELS } from './testing/folder.js'
import { pare } from './testing/terminal.js'

describe('pare inspect', () => {
  it('shows inputs, layers, parameters and sparsity', async () => {
    await using folder = await fixture()
    await pare(['prune', 'model.onnx', '--sparsity', '0.25', '--scope', 'tensor', '--out', 'out'], { cwd: folder.path })
    const { exitCode, stdout } = await pare(['inspect', 'out/model.onnx'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    // 0.25 · 50,432 = 12,608 are zero.
    expect(stdout).toContain('parameters  50,826, of them 38,218 not zero')
    expect(stdout).toMatch(/^weight +read by +operator +shape +elements +sparsity$/m)
    expect(stdout).toMatch(/^2\.weight +\/2\/Gemm +Gemm +128×256 +32,768 +25\.0 %$/m)
  })

  it('says what is left alone and why', async () => {
    const { json } = await pare(['inspect', join(TEST_MODELS, 'kjv-bert.onnx'), '--json'], { cwd: '/' })
    const document = json() as {
      declined: { id: string; structure: string; reason: string }[]
      layers: unknown[]
      groups: unknown[]
    }
    expect(document).toMatchObject({ schemaVersion: 1, command: 'inspect', model: { opset: 17 } })
    expect(document.groups).toHaveLength(document.layers.length)
    for (const { structure, reason } of document.declined) {
      expect(structure).toBe('element')
      expect(reason).not.toBe('')
    }
  })
})

describe('pare init', () => {
  it.each(['ts', 'json', 'yaml'])('writes a %s config that holds for what is there', async (format) => {
    await using folder = await fixture(undefined, { 'data/train.csv': '' })
    const { exitCode, stdout } = await pare(['init', '--format', format], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Models in it: model.onnx.')
    expect(stdout).toContain('runs-on: ubuntu-latest')
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks).toMatchObject([
      { name: 'model.onnx', limits: { maxDrop: 0.01 }, evaluation: { request: { data: join(folder.path, 'val.npz') } } },
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
})
