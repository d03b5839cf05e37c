import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { modelBytes, openModel, parseText, readAll } from '@pare/onnx'
import { tinyModels } from '@pare/testing'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const waves = (sizes: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(sizes).map(([name, count]) => [name, Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7))]),
  )

describe('graphs within nodes', () => {
  it.each([
    'head',
    'neuron',
    'hidden',
  ])('%s of a decoder whose branches are merged are cut, and both branches are proved', async (structure) => {
    await using folder = await fixture()
    await writeFile(join(folder.path, 'merged.onnx'), await modelBytes(tinyModels['merged decoder']!()))
    const args = ['merged.onnx', '--structure', structure, '--ratio', '0.5']
    const { exitCode, json } = await pare(['prune', ...args, '--json', '--out', 'out'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({ proofs: [{ step: 'cut', structure, runs: 2 }] })
    const again = await pare(['replay', 'out/merged.plan.json', 'merged.onnx', '--out', 'again'], { cwd: folder.path })
    expect(again.exitCode).toBe(0)
    expect(await readFile(join(folder.path, 'again/merged.onnx'))).toEqual(await readFile(join(folder.path, 'out/merged.onnx')))
  })

  it.each([
    ['a mask of a solver', ['--criterion', 'sparsegpt', '--calibrate', 'ids.jsonl']],
    ['a repair', ['--structure', 'neuron', '--criterion', 'wanda', '--calibrate', 'ids.jsonl', '--recover', 'repair']],
    [
      'a training',
      ['--structure', 'neuron', '--recover', 'retrain', '--train', 'ids.jsonl', '--steps', '2', '--loss', 'next-token'],
    ],
  ])('%s of merged branches is that of the one branch that data take', async (_, args) => {
    await using folder = await fixture(undefined, { 'ids.jsonl': IDS })
    for (const [file, name] of [
      ['merged.onnx', 'merged decoder'],
      ['plain.onnx', 'decoder, past_sequence_length + sequence_length'],
    ] as const) {
      await writeFile(join(folder.path, file), await modelBytes(tinyModels[name]!()))
      const { exitCode, stderr } = await pare(['prune', file, ...args, '--out', 'out'], { cwd: folder.path })
      expect(exitCode, stderr).toBe(0)
    }
    const [merged, plain] = await Promise.all(['merged', 'plain'].map((name) => weightsIn(join(folder.path, `out/${name}.onnx`))))
    expect(merged!.size).toBeGreaterThan(10)
    for (const [name, values] of plain!) {
      const differences = values.map((value, i) => Math.abs(value - merged!.get(name)![i]!))
      expect(Math.max(...differences), name).toBeLessThan(1e-3)
    }
  })

  it('blocks of merged branches are trained as data run them, and the plan replays', async () => {
    await using folder = await fixture(undefined, { 'ids.jsonl': [IDS, IDS, IDS].join('\n') })
    await writeFile(join(folder.path, 'merged.onnx'), await modelBytes(tinyModels['merged decoder']!()))
    const args = ['merged.onnx', '--structure', 'layer', '--ratio', '0.5', '--calibrate', 'ids.jsonl', '--recover', 'blocks']
    const { json, stderr } = await pare(['prune', ...args, '--json', '--out', 'out'], { cwd: folder.path })
    const { blocks } = json() as { blocks?: { parts: { name: string; errors: { before: number; after: number } }[] }[] }
    expect(
      blocks?.[0]?.parts.map(({ name }) => name),
      stderr,
    ).toEqual(['logits.else_branch/r1_begun', 'logits.else_branch/h2_begun'])
    for (const { errors } of blocks![0]!.parts) expect(errors.after).toBeLessThan(errors.before)
    const again = await pare(['replay', 'out/merged.plan.json', 'merged.onnx', '--out', 'again'], { cwd: folder.path })
    expect(again.exitCode).toBe(0)
    expect(await readFile(join(folder.path, 'again/merged.onnx'))).toEqual(await readFile(join(folder.path, 'out/merged.onnx')))
  })

  it('are not measured where the data say themselves which branch is taken, and the node that holds them is named', async () => {
    const rows = IDS.split('\n').map((row) => JSON.stringify({ ...JSON.parse(row), use_cache_branch: [0] }))
    await using folder = await fixture(undefined, { 'ids.jsonl': rows.join('\n') })
    await writeFile(join(folder.path, 'merged.onnx'), await modelBytes(tinyModels['merged decoder']!()))
    const { stderr } = await pare(['prune', 'merged.onnx', '--criterion', 'wanda', '--calibrate', 'ids.jsonl'], {
      cwd: folder.path,
    })
    expect(stderr).toMatch(/is computed in a graph within If '.*', and what is computed there cannot be measured/)
  })

  it.each([
    ['layers', ['--structure', 'layer']],
    ['attention', ['--structure', 'layer:part=attention']],
    ['feed-forward networks', ['--structure', 'layer:part=feed-forward']],
    ['layers by what they do on data', ['--structure', 'layer', '--criterion', 'block-influence', '--calibrate', 'ids.jsonl']],
  ])('%s go from both branches, and each computes what the decoder does that was never merged', async (_, args) => {
    await using folder = await fixture(undefined, { 'ids.jsonl': IDS })
    for (const [file, name] of FORMS) {
      await writeFile(join(folder.path, file), await modelBytes(tinyModels[name]!()))
      const { exitCode, stderr } = await pare(['prune', file, ...args, '--ratio', '0.5', '--out', 'out'], { cwd: folder.path })
      expect(exitCode, stderr).toBe(0)
    }
    const [merged, plain] = await Promise.all(FORMS.map(([file]) => writtenBy(join(folder.path, 'out', file))))
    expect(merged!.names).toEqual(plain!.names)
    for (const [step, outputs] of plain!.steps.entries()) {
      for (const [name, { dims, data }] of Object.entries(outputs)) {
        const other = merged!.steps[step]![name]!
        expect([name, other.dims]).toEqual([name, dims])
        const differences = Array.from(data as Float32Array, (value, at) => Math.abs(value - Number(other.data[at])))
        expect(Math.max(...differences), name).toBeLessThan(1e-5)
      }
    }
  })
})

const FORMS = [
  ['merged.onnx', 'merged decoder'],
  ['plain.onnx', 'decoder, past_sequence_length + sequence_length'],
] as const

/** What a decoder makes of three tokens, and with their cache of two more; and the names of its caches. */
async function writtenBy(path: string) {
  const session = await ort.InferenceSession.create(path)
  const names = session.inputNames.filter((name) => name.startsWith('past'))
  const integers = (values: readonly number[]) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const step = (ids: readonly number[], caches: readonly InstanceType<typeof ort.Tensor>[]) => {
    const before = caches[0]?.dims[2] ?? 0
    const flag = new ort.Tensor('bool', [before > 0], [1])
    return session.run({
      input_ids: integers(ids),
      attention_mask: integers(Array.from({ length: before + ids.length }, () => 1)),
      position_ids: integers(ids.map((_, i) => before + i)),
      ...Object.fromEntries(names.map((name, i) => [name, caches[i]!])),
      ...(session.inputNames.includes('use_cache_branch') && { use_cache_branch: flag }),
    })
  }
  const first = await step(
    [5, 9, 3],
    names.map(() => new ort.Tensor('float32', new Float32Array(0), [1, 2, 0, 2])),
  )
  const kept = names.map((name) => first[name.replace('past_key_values', 'present')]!)
  return { names, steps: [first, await step([7, 2], kept)] }
}

const IDS = Array.from({ length: 8 }, (_, i) => JSON.stringify({ input_ids: [i, (i * 3 + 1) % 8, (i * 5 + 2) % 8, 3] })).join(
  '\n',
)

/** f32 of each initializer with two axes or more, by name. */
async function weightsIn(path: string): Promise<ReadonlyMap<string, readonly number[]>> {
  await using file = await openModel(path)
  const { initializers } = file.model.graph
  const weights = initializers.filter(({ type, shape }) => type === 'float32' && shape.length > 1)
  return new Map(
    await Promise.all(
      weights.map(async ({ name, data }) => [name, [...new Float32Array((await readAll(data)).buffer)]] as const),
    ),
  )
}

describe('local functions', () => {
  it('stand in place of their calls, also when the plan is replayed', async () => {
    await using folder = await fixture()
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
       g (float[N, 4] x) => (float[N, 3] y) <float[4, 8] w, float[8, 8] u, float[8, 3] v> { h = local.block(x, w)\n i = local.block(h, u)\n y = MatMul(i, v) }
       <domain: "local", opset_import: ["" : 17]> block (input, weight) => (output) { h = MatMul(input, weight)\n output = Relu(h) }`,
      waves({ w: 32, u: 64, v: 24 }),
    )
    await writeFile(join(folder.path, 'calls.onnx'), await modelBytes(model))
    const { json } = await pare(['prune', 'calls.onnx', '--structure', 'neuron', '--ratio', '0.5', '--json', '--out', 'out'], {
      cwd: folder.path,
    })
    expect(json()).toMatchObject({
      groups: [
        { units: 8, removed: 4 },
        { units: 8, removed: 4 },
      ],
      proofs: [{ step: 'cut' }],
    })
    const again = await pare(['replay', 'out/calls.plan.json', 'calls.onnx', '--out', 'again'], { cwd: folder.path })
    expect(again.exitCode).toBe(0)
    expect(await readFile(join(folder.path, 'again/calls.onnx'))).toEqual(await readFile(join(folder.path, 'out/calls.onnx')))
  })
})
