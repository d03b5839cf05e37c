import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import type { BenchResult } from './commands/bench.js'
import { fixture, TEST_MODELS } from './testing/folder.js'
import { pare } from './testing/terminal.js'
import { describeSpeed } from './views/speed.js'

const BERT = join(TEST_MODELS, 'kjv-bert.onnx')
const QUICK = ['--threads', '1', '--batch', '1,2', '--runs', '6']

describe('pare bench', () => {
  it('says how much smaller and how much faster a cut model is', async () => {
    await using folder = await fixture()
    const cut = ['prune', 'model.onnx', '--structure', 'neuron', '--ratio', '0.5', '--out', 'out']
    expect((await pare(cut, { cwd: folder.path })).exitCode).toBe(0)
    const argv = ['bench', 'model.onnx', 'out/model.onnx', ...QUICK]
    const { exitCode, json } = await pare([...argv, '--json'], { cwd: folder.path })
    const result = json() as unknown as BenchResult
    expect(exitCode).toBe(0)
    expect(result).toMatchObject({ schemaVersion: 1, command: 'bench', executionProvider: 'cpu' })
    // Of 64 → 256 → 128 → 10 with biases half of both hidden layers goes: 64 · 128 + 128, 128 · 64 + 64, 64 · 10 + 10.
    expect([result.reference.parameters, result.pruned.parameters]).toEqual([50_826, 17_226])
    expect([result.reference.macs, result.pruned.macs]).toEqual([50_432, 17_024])
    expect(result.pruned.bytes).toBeLessThan(result.reference.bytes)
    expect(result.cases.map((each) => [each.threads, each.batch, each.runs])).toEqual([
      [1, 1, 6],
      [1, 2, 6],
    ])
    const { stdout, stderr } = await pare(argv, { cwd: folder.path })
    expect(stdout).toMatch(/^parameters +50,826 +17,226 +0\.34×$/m)
    expect(stdout).toMatch(/^1 +2 +\S+ ms +\S+ ms +(\d.*faster|\d.*slower|no difference beyond noise) \(.+–.+\)$/m)
    expect(stderr).toContain('timing both models in turn')
  })

  it('times a model beside itself in fewer bits, and wants something to time it beside', async () => {
    await using folder = await fixture()
    const few = ['--threads', '1', '--batch', '1', '--runs', '6']
    const argv = ['bench', 'model.onnx', '--baselines', 'int8,int4', ...few]
    const { exitCode, stdout } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/model\.onnx +model\.onnx in int8[\s\S]*model\.onnx +model\.onnx in int4/)
    const result = (await pare([...argv, '--json'], { cwd: folder.path })).json() as unknown as BenchResult
    expect(result.pruned.path).toBe('model.onnx in int8')
    expect(result.beside!.map(({ pruned }) => pruned.path)).toEqual(['model.onnx in int4'])
    expect(result.beside![0]!.pruned.bytes).toBeLessThan(result.pruned.bytes)
    const one = await pare(['bench', 'model.onnx'], { cwd: folder.path })
    expect(one.exitCode).toBe(2)
    expect(one.stderr).toContain('a model is timed beside another')
  })

  it('shows the sizes that it gave to open axes', async () => {
    const argv = ['bench', BERT, BERT, '--threads', '1', '--batch', '1', '--runs', '6', '--dims', 'seq=7']
    expect((await pare(argv, { cwd: '/' })).stdout).toContain('Open sizes are batch=1, seq=7; change them with --dims.')
  })

  it('says what sparse weights gain on sparse kernels, layer by layer', async () => {
    await using folder = await fixture()
    const size = 256
    const source = `g (float[N, ${size}] x) => (float[N, ${size}] y) <float[${size}, ${size}] w> { h = MatMul(x, w) r = Relu(h) y = MatMul(r, w) }`
    const values = Float32Array.from({ length: size * size }, (_, i) => ((i * 7919) % 20 === 0 ? Math.sin(i) : 0))
    await writeFile(join(folder.path, 'sparse.onnx'), await modelBytes(parseText(source, { w: values })))
    const argv = ['bench', 'sparse.onnx', 'sparse.onnx', '--threads', '1', '--batch', '32', '--runs', '6']
    const { stdout } = await pare(argv, { cwd: folder.path })
    expect(stdout).toMatch(/^1 thread, batch 32: (sparse|dense); .+\.$/m)
    expect(stdout).toMatch(/^layers +in × out +zeros +format +samples +dense +sparse +limit +runs$/m)
    expect(stdout).toMatch(/^h +256 × 256 +95\.0 % +rows +32 +\S+ µs +\S+ µs +20\.0× +(sparse|dense)$/m)
    expect(stdout).toMatch(/The zeros do not pay on this run time|Sparse weights run on kernels/)
    expect((await pare([...argv, '--no-sparse'], { cwd: folder.path })).stdout).not.toContain('zeros')
  })

  it('refuses models with other inputs', async () => {
    await using folder = await fixture()
    await writeFile(
      join(folder.path, 'other.onnx'),
      await modelBytes(parseText('g (float[N, 3] z) => (float[N, 3] y) { y = Relu(z) }')),
    )
    const { exitCode, stderr } = await pare(['bench', 'model.onnx', 'other.onnx', ...QUICK], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain("model.onnx has no input 'z'")
  })

  it.each([
    [['--threads', 'many'], "--threads is 'many'; expected whole numbers from 1 on, or all"],
    [['--batch', '0'], "--batch is '0'; expected whole numbers from 1 on"],
    [['--dims', '32'], "--dims is '32'; expected sizes by name"],
    [['--runs', '5'], "--runs is '5'; expected a whole number from 6 on"],
    [['--seconds', '0'], "--seconds is '0'; expected a number above 0"],
  ])('refuses %j', async (options, message) => {
    const { exitCode, stderr } = await pare(['bench', 'a.onnx', 'b.onnx', ...options], { cwd: '/' })
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
  })

  it('stops when it is interrupted', async () => {
    const abort = new AbortController()
    const onStderr = (text: string) => void (text.includes('timing') && abort.abort())
    const argv = ['bench', BERT, BERT, '--seconds', '600', '--json']
    const { exitCode, json } = await pare(argv, { cwd: '/', signal: abort.signal, onStderr })
    expect(exitCode).toBe(130)
    expect(json()).toMatchObject({ command: 'bench', error: { message: expect.stringContaining('interrupted') } })
  })
})

it('a speed-up is told in words, the larger number first of what it is about', () => {
  const speed = (value: number, low: number, high: number) => ({ value, interval: [low, high] as const })
  expect(describeSpeed({ verdict: 'faster', speedup: speed(1.8, 1.71, 1.9) })).toBe('1.80× faster (1.71–1.90)')
  expect(describeSpeed({ verdict: 'slower', speedup: speed(0.5, 0.4, 0.625) })).toBe('2.00× slower (1.60–2.50)')
  expect(describeSpeed({ verdict: 'no difference', speedup: speed(1, 0.98, 1.02) })).toBe(
    'no difference beyond noise (0.98–1.02)',
  )
})
