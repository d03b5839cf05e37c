import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { editGraph, editModel, type Model, parseText, writeModel } from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differenceOf, float, inHalves, pruned } from './pruned.test.support.js'
import { SparseSession } from './sparse-session.js'

const folder = await mkdtemp(join(tmpdir(), 'pare-sparse-'))
afterAll(() => rm(folder, { recursive: true }))

/** Bytes, and configuration, of models that ONNX Runtime was given as bytes. */
const sources: { bytes: number; extra: unknown }[] = []
const counting = {
  ...ort,
  InferenceSession: {
    create: (model: string | Uint8Array, options: ort.InferenceSession.SessionOptions) => {
      if (typeof model !== 'string') sources.push({ bytes: model.byteLength, extra: options.extra })
      return ort.InferenceSession.create(model as Uint8Array, options)
    },
  },
} as unknown as typeof ort

// What is dense, and what is sparse, is 64 KiB each.
const some = (seed: number) => Float32Array.from({ length: 128 * 128 }, (_, i) => Math.cos(i * seed) / 8)
const source = `<ir_version: 8, opset_import: ["" : 17]>
  g (float[N, 128] x) => (float[N, 128] y) <float[128, 128] dense, float[128, 128] sparse>
  { a = MatMul(x, dense) t = Tanh(a) b = MatMul(t, sparse) c = Tanh(b) y = MatMul(c, dense) }`

async function halfSparse(): Promise<Model> {
  const model = parseText(source, { dense: some(1.7), sparse: some(3.1) })
  const zeroed = (await pruned(model, 0.9)).graph.initializers
  const initializers = model.graph.initializers.map((tensor, i) => (tensor.name === 'sparse' ? zeroed[i]! : tensor))
  return editModel(model, { graph: editGraph(model.graph, { initializers }) })
}

async function withExternalData(model: Model, path: string): Promise<void> {
  const initializers = model.graph.initializers.map((tensor) => ({ ...tensor, storage: 'external' as const }))
  await writeModel(editModel(model, { graph: editGraph(model.graph, { initializers }) }), path)
}

describe('a model with external data', () => {
  const path = join(folder, 'model.onnx')
  beforeAll(async () => withExternalData(await halfSparse(), path))

  it('runs in parts whose data stay in their file, so that parts may be larger than bytes can be', async () => {
    sources.length = 0
    const session = await SparseSession.create(path, { ort: counting, plan: 'sparse', fewestElements: 0, threads: 1 })
    expect(session.plan.segments).toBe(2)
    // Types and both parts: none holds the 65,536 bytes of the weight.
    expect(sources.length).toBeGreaterThanOrEqual(2)
    expect(Math.max(...sources.map(({ bytes }) => bytes))).toBeLessThan(4096)
    const dense = await ort.InferenceSession.create(path)
    const feeds = { x: float([3, 128]) }
    expect(differenceOf(await dense.run(feeds), await session.run(feeds))).toBeLessThan(2e-6)
    await Promise.all([dense.release(), session.release()])
    expect((await readdir(folder)).sort()).toEqual(['model.onnx', 'model.onnx.data'])
  })

  it('keeps settings of its own beside the folder', async () => {
    const extra = { session: { disable_prepacking: '1' } }
    const options = { plan: 'sparse', fewestElements: 0, threads: 1, session: { logSeverityLevel: 3, extra } } as const
    await using session = await SparseSession.create(path, { ort: counting, ...options })
    expect(sources.at(-1)!.extra).toEqual({
      session: { disable_prepacking: '1', model_external_initializers_file_folder_path: folder },
    })
    expect((await session.run({ x: float([1, 128]) })).y!.dims).toEqual([1, 128])
    expect(extra).toEqual({ session: { disable_prepacking: '1' } })
  })

  it('of halves is typed without loading its data', async () => {
    const halves = join(folder, 'halves.onnx')
    await withExternalData(await inHalves(await halfSparse()), halves)
    sources.length = 0
    await using session = await SparseSession.create(halves, { ort: counting, plan: 'sparse', fewestElements: 0, threads: 1 })
    expect(session.plan).toMatchObject({ kind: 'sparse', segments: 2 })
    expect(Math.max(...sources.map(({ bytes }) => bytes))).toBeLessThan(4096)
    await Promise.all([halves, `${halves}.data`].map((file) => rm(file)))
  })
})
