import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openModel, readAll } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from '../../testing/folder.js'
import { pareInProcess as pare } from '../../testing/terminal.js'

async function prune(folder: Folder, model: string, options: readonly string[]) {
  const { exitCode, stdout, stderr } = await pare(['prune', model, ...options], { cwd: folder.path })
  expect([exitCode, stderr.includes('error')]).toEqual([0, false])
  return { stdout, stderr }
}

describe('pare prune --storage sparse', () => {
  it('writes a smaller file with the same answers, which is replayed, and made dense by another run', async () => {
    await using folder = await fixture()
    const at = (...path: string[]) => join(folder.path, ...path)
    await prune(folder, 'model.onnx', ['--sparsity', '0.9', '--out', 'dense'])
    const { stdout } = await prune(folder, 'model.onnx', ['--sparsity', '0.9', '--storage', 'sparse', '--out', 'sparse'])
    expect(stdout).toMatch(/stored {6}sparse: \d weights, [\d.]+ % of their elements and a bit for each/)
    const [dense, sparse] = await Promise.all(['dense', 'sparse'].map(async (name) => (await stat(at(name, 'model.onnx'))).size))
    // A tenth of the elements, and a bit of 32 for each: 0.13, and nodes.
    expect(sparse! / dense!).toBeLessThan(0.25)
    const answers = await Promise.all(
      ['dense', 'sparse'].map(async (name) => {
        const argv = ['evaluate', `${name}/model.onnx`, '--data', 'val.npz', '--metric', 'accuracy', '--json']
        return ((await pare(argv, { cwd: folder.path })).json() as { metrics: unknown }).metrics
      }),
    )
    expect(answers[1]).toEqual(answers[0])
    await pare(['replay', 'sparse/model.plan.json', 'model.onnx', '--out', 'again'], { cwd: folder.path })
    expect(await readFile(at('again', 'model.onnx'))).toEqual(await readFile(at('sparse', 'model.onnx')))
    await prune(folder, 'sparse/model.onnx', ['--sparsity', '0', '--out', 'back'])
    await using before = await openModel(at('dense', 'model.onnx'))
    await using after = await openModel(at('back', 'model.onnx'))
    const tensors = new Map(after.model.graph.initializers.map((tensor) => [tensor.name, tensor]))
    expect(tensors.size).toBe(before.model.graph.initializers.length)
    for (const { name, data } of before.model.graph.initializers)
      expect(await readAll(tensors.get(name)!.data), name).toEqual(await readAll(data))
  })

  it('says where it stores nothing so', async () => {
    await using folder = await fixture()
    const { stderr } = await prune(folder, 'model.onnx', ['--sparsity', '0', '--storage', 'sparse', '--out', 'out'])
    expect(stderr).toContain('nothing is stored sparsely: no weight has so many zeros that it would take less')
  })
})
