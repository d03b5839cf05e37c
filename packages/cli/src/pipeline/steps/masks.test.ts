import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openModel, parseText, readAll, valuesOf, writeModel } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../../testing/folder.js'
import { pareInProcess as pare } from '../../testing/terminal.js'

const interpreter = process.env.PYTHON ?? '/usr/bin/python3'
const required = process.env.CI === 'true' && process.platform === 'linux'

function python(script: string, ...args: readonly string[]): string {
  return execFileSync(interpreter, ['-c', `import sys, json, numpy as np\n${script}`, ...args], { encoding: 'utf8' })
}

function hasNumpy(): boolean {
  try {
    python('')
    return true
  } catch {
    return false
  }
}

async function done(argv: readonly string[], cwd: string) {
  const session = await pare(argv, { cwd })
  expect(session).toMatchObject({ exitCode: 0 })
  return session
}

async function refusal(argv: readonly string[], cwd: string): Promise<string> {
  const { exitCode, stderr } = await pare(argv, { cwd })
  expect(exitCode).toBe(2)
  return stderr
}

async function valuesIn(path: string): Promise<Readonly<Record<string, readonly number[]>>> {
  await using file = await openModel(path)
  const entries = file.model.graph.initializers.map(
    async ({ name, type, data }) => [name, Array.from(valuesOf(type, await readAll(data)), Number)] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

/** The model with every float of every weight changed, as training would. */
async function retrained(from: string, to: string): Promise<void> {
  const bytes = await readFile(from)
  await using file = await openModel(from)
  for (const { type, data } of file.model.graph.initializers) {
    if (type !== 'float32' || data.file === undefined) continue
    for (let i = 0; i < data.byteLength; i += 4) {
      const at = data.file.offset + i
      bytes.writeFloatLE(bytes.readFloatLE(at) * 0.9 + Math.sin(i) * 0.2 + 0.001, at)
    }
  }
  await writeFile(to, bytes)
}

describe('masks that are written', () => {
  it.each(['npz', 'safetensors'])('as .%s make the same bytes when they are read again', async (format) => {
    await using folder = await fixture()
    const file = `sub/masks.${format}`
    const { json } = await done(
      ['prune', 'model.onnx', '--sparsity', '0.7', '--scope', 'row', '--masks', file, '--json'],
      folder.path,
    )
    const { masks } = json() as unknown as { masks: { path: string; weights: { name: string; shape: number[] }[] } }
    expect(masks.path).toBe(file)
    expect(masks.weights.length).toBeGreaterThan(1)
    await done(['prune', 'model.onnx', '--mask', file, '--out', 'again'], folder.path)
    const model = await readFile(join(folder.path, 'pare-out/model/model.onnx'))
    expect(await readFile(join(folder.path, 'again/model.onnx'))).toEqual(model)
    // Replayed, they are the same, and so is what a plan says of them.
    await done(['replay', 'again/model.plan.json', 'model.onnx', '--out', 'third', '--masks', `third/own.${format}`], folder.path)
    expect(await readFile(join(folder.path, 'third/model.onnx'))).toEqual(model)
    expect(await readFile(join(folder.path, `third/own.${format}`))).toEqual(await readFile(join(folder.path, file)))
    await done(['plan', 'model.onnx', '--mask', file, '--out', 'fourth', '--masks', `fourth.${format}`], folder.path)
    expect(await readFile(join(folder.path, `fourth.${format}`))).toEqual(await readFile(join(folder.path, file)))
    expect((await folder.files()).filter((name) => name.includes('staging') || name.endsWith('.tmp'))).toEqual([])
  })

  it.skipIf(!required && !hasNumpy())('are what NumPy reads, and masks of NumPy are taken', async () => {
    await using folder = await fixture()
    await done(['prune', 'model.onnx', '--masks', 'masks.npz'], folder.path)
    const pruned = await valuesIn(join(folder.path, 'pare-out/model/model.onnx'))
    const script =
      'f = np.load(sys.argv[1])\nprint(json.dumps({k: [str(f[k].dtype), f[k].ravel().astype(int).tolist()] for k in f}))'
    const read = JSON.parse(python(script, join(folder.path, 'masks.npz'))) as Record<string, [string, number[]]>
    for (const [name, [type, kept]] of Object.entries(read)) {
      expect(type).toBe('bool')
      expect(kept).toEqual(pruned[name]!.map((value) => Number(value !== 0)))
    }
    // Floats, in Fortran's order, of one weight only.
    const [first] = Object.keys(read) as [string]
    const own = 'f = np.load(sys.argv[1])\nnp.savez(sys.argv[2], **{sys.argv[3]: np.asfortranarray(1.5 * f[sys.argv[3]])})'
    python(own, join(folder.path, 'masks.npz'), join(folder.path, 'one.npz'), first)
    await done(['prune', 'model.onnx', '--mask', 'one.npz', '--out', 'one'], folder.path)
    const [after, before] = [await valuesIn(join(folder.path, 'one/model.onnx')), await valuesIn(join(folder.path, 'model.onnx'))]
    expect(after).toEqual({ ...before, [first]: pruned[first] })
  })

  it('of computed weights have the name of what is stored, and say where it came from', async () => {
    await using folder = await fixture()
    const text = `g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] v, float[4, 1] s> { w = Mul(v, s) y = MatMul(x, w) }`
    const v = Float32Array.from({ length: 16 }, (_, i) => i - 7.5)
    await writeModel(parseText(text, { v, s: Float32Array.of(1, 2, 3, 4) }), join(folder.path, 'computed.onnx'))
    const { json } = await done(['prune', 'computed.onnx', '--masks', 'm.safetensors', '--json'], folder.path)
    const { masks, folded } = json() as unknown as { masks: { weights: object[] }; folded: { id: string }[] }
    const name = folded[0]!.id
    expect(masks.weights).toEqual([{ name, shape: [4, 4], from: ['v', 's'] }])
    const bytes = await readFile(join(folder.path, 'm.safetensors'))
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE()))) as object
    expect(header).toEqual({
      __metadata__: { mask: '1 stays, 0 is zero', [`from ${name}`]: '["v","s"]' },
      [name]: { dtype: 'BOOL', shape: [4, 4], data_offsets: [0, 16] },
    })
    await done(['prune', 'computed.onnx', '--mask', 'm.safetensors', '--out', 'again'], folder.path)
    expect(await readFile(join(folder.path, 'again/computed.onnx'))).toEqual(
      await readFile(join(folder.path, 'pare-out/computed/computed.onnx')),
    )
  })

  it('there are none of cuts, and that is said', async () => {
    await using folder = await fixture()
    const { json, stderr } = await done(
      ['prune', 'model.onnx', '--structure', 'neuron', '--masks', 'm.npz', '--json'],
      folder.path,
    )
    expect(stderr).toContain('no masks were written: a cut removes units')
    expect(json().warnings).toContainEqual(expect.stringContaining('no masks were written'))
    expect(json()).not.toHaveProperty('masks')
    expect(await folder.files()).not.toContain('m.npz')
  })

  it('stand beside each model of a run, and go with the next run that makes none', async () => {
    await using folder = await fixture()
    const { json } = await pare(['run', 'model.onnx', '--masks', 'safetensors', '--json'], { cwd: folder.path })
    const { models } = json() as unknown as { models: [{ masks: { path: string; weights: object[] }; steps: string[] }] }
    expect(models[0].masks.path).toBe('pare-out/model.masks.safetensors')
    expect(models[0].masks.weights.length).toBeGreaterThan(1)
    await copyFile(join(folder.path, models[0].masks.path), join(folder.path, 'own.safetensors'))
    const config = { models: [{ path: 'model.onnx' }], prune: [{ mask: '../own.safetensors' }], masks: 'npz' }
    await mkdir(join(folder.path, 'sub'))
    await writeFile(join(folder.path, 'sub/pare.config.json'), JSON.stringify({ ...config, models: [{ path: '../model.onnx' }] }))
    const second = await pare(['run', '--config', 'sub/pare.config.json', '--json'], { cwd: folder.path })
    const [model] = (second.json() as unknown as { models: [{ steps: string[] }] }).models
    expect(model.steps).toEqual(['mask from ../own.safetensors on element'])
    const files = await folder.files()
    expect(files.filter((name) => name.includes('.masks.'))).toEqual(['pare-out/model.masks.npz'])
    // The same mask as an option: its path starts at the current folder.
    const third = await pare(['run', '--config', 'sub/pare.config.json', '--mask', 'own.safetensors', '--json'], {
      cwd: folder.path,
    })
    expect((third.json() as unknown as { models: [{ steps: string[] }] }).models[0].steps).toEqual([
      'mask from own.safetensors on element',
    ])
  })

  it('never replace what is read, and no link is followed', async () => {
    await using folder = await fixture()
    await done(['prune', 'model.onnx', '--masks', 'm.npz'], folder.path)
    const before = await readFile(join(folder.path, 'm.npz'))
    expect(await refusal(['prune', 'model.onnx', '--mask', 'm.npz', '--masks', 'm.npz'], folder.path)).toContain(
      'is an input itself',
    )
    expect(await readFile(join(folder.path, 'm.npz'))).toEqual(before)
    const val = await readFile(join(folder.path, 'val.npz'))
    await symlink(join(folder.path, 'val.npz'), join(folder.path, 'link.npz'))
    await done(['prune', 'model.onnx', '--masks', 'link.npz'], folder.path)
    expect(await readFile(join(folder.path, 'val.npz'))).toEqual(val)
    expect(await refusal(['prune', 'model.onnx', '--masks', 'm.txt'], folder.path)).toContain('a .npz or .safetensors file')
  })
})

describe('masks that are read', () => {
  it('that do not fit are listed, with the weights that have none', async () => {
    await using folder = await fixture()
    await done(['prune', 'model.onnx', '--masks', 'm.npz'], folder.path)
    const { json } = await done(['inspect', 'model.onnx', '--json'], folder.path)
    expect(json()).toBeDefined()
    // Bools of no weight, of a bias, and of a weight the other way round.
    const names = Object.entries(await shapesIn(join(folder.path, 'model.onnx')))
    const [weight, shape] = names.find(([, each]) => each.length === 2 && each[0] !== each[1])!
    const bias = names.find(([, each]) => each.length === 1)!
    const masks = { ghost: [2, 2], [bias[0]]: bias[1], [weight]: [...shape].reverse() }
    await writeFile(join(folder.path, 'bad.safetensors'), safetensors(masks))
    const message = await refusal(['prune', 'model.onnx', '--mask', 'bad.safetensors'], folder.path)
    expect(message).toContain("'ghost' [2,2] is the name of no weight")
    expect(message).toContain(`'${bias[0]}' [${bias[1]}]`)
    expect(message).toContain(`'${weight}' is [${[...shape].reverse()}], and the weight is [${shape}]: transpose the mask`)
    expect(message).toMatch(/Weights without a mask: '/)
    // What is left out by name is left out of the mask too.
    const { exitCode } = await pare(['prune', 'model.onnx', '--mask', 'm.npz', '--exclude', weight], { cwd: folder.path })
    expect(exitCode).toBe(0)
  })

  it('keep: the zeros that are there stay while the model is repaired', async () => {
    await using folder = await fixture()
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
    await done(['prune', 'model.onnx', '--sparsity', '0.8'], folder.path)
    const argv = ['prune', 'pare-out/model/model.onnx', '--mask', 'keep', '--recover', 'repair', '--calibrate', 'calibrate.npz']
    const { json } = await done([...argv, '--out', 'repaired', '--json'], folder.path)
    expect(json().sparsity).toMatchObject({ before: expect.closeTo(0.8, 2), after: expect.closeTo(0.8, 2) })
    const [before, after] = await Promise.all(
      ['pare-out/model/model.onnx', 'repaired/model.onnx'].map((path) => valuesIn(join(folder.path, path))),
    )
    for (const [name, values] of Object.entries(before!))
      for (const [i, value] of values.entries()) if (value === 0 && values.length > 64) expect(after![name]![i]).toBe(0)
  })
})

async function shapesIn(path: string): Promise<Readonly<Record<string, readonly number[]>>> {
  await using file = await openModel(path)
  return Object.fromEntries(file.model.graph.initializers.map(({ name, shape }) => [name, shape]))
}

function safetensors(masks: Readonly<Record<string, readonly number[]>>): Buffer {
  let end = 0
  const header = Object.fromEntries(
    Object.entries(masks).map(([name, shape]) => {
      const begin = end
      end += shape.reduce((a, b) => a * b, 1)
      return [name, { dtype: 'BOOL', shape, data_offsets: [begin, end] }]
    }),
  )
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(end, 1)])
}

describe('replay --like', () => {
  const LIKE = ['replay', 'pare-out/model/model.plan.json', 'trained.onnx', '--like', 'model.onnx']

  it('makes the zeros of the original in a model that was trained on', async () => {
    await using folder = await fixture()
    await retrained(join(folder.path, 'model.onnx'), join(folder.path, 'trained.onnx'))
    await done(['prune', 'model.onnx', '--sparsity', '0.6'], folder.path)
    expect(await refusal(LIKE.slice(0, 3), folder.path)).toContain('--like ORIGINAL')
    await done([...LIKE, '--out', 'out'], folder.path)
    const [trained, pruned, result] = await Promise.all(
      ['trained.onnx', 'pare-out/model/model.onnx', 'out/trained.onnx'].map((path) => valuesIn(join(folder.path, path))),
    )
    const expected = Object.entries(trained!).map(([name, values]) => [
      name,
      values.map((value, i) => (pruned![name]![i] === 0 && values.length > 64 ? 0 : value)),
    ])
    expect(result).toEqual(Object.fromEntries(expected))
  })

  it('on the original itself is the plain replay, and another original is refused', async () => {
    await using folder = await fixture()
    await retrained(join(folder.path, 'model.onnx'), join(folder.path, 'trained.onnx'))
    await done(['prune', 'model.onnx'], folder.path)
    const [, plan] = LIKE as [string, string]
    await done(['replay', plan, 'model.onnx', '--like', 'model.onnx', '--out', 'same'], folder.path)
    expect(await readFile(join(folder.path, 'same/model.onnx'))).toEqual(
      await readFile(join(folder.path, 'pare-out/model/model.onnx')),
    )
    for (const model of ['model.onnx', 'trained.onnx'])
      expect(await refusal(['replay', plan, model, '--like', 'trained.onnx'], folder.path)).toContain('and trained.onnx has')
  })

  it('cuts the same units, and proves that', async () => {
    await using folder = await fixture()
    await retrained(join(folder.path, 'model.onnx'), join(folder.path, 'trained.onnx'))
    await done(['prune', 'model.onnx', '--structure', 'neuron', '--ratio', '0.5'], folder.path)
    const { stdout } = await done([...LIKE, '--out', 'out'], folder.path)
    expect(stdout).toContain('proof')
    const [cut, result] = await Promise.all(
      ['pare-out/model/model.onnx', 'out/trained.onnx'].map((path) => shapesIn(join(folder.path, path))),
    )
    expect(result).toEqual(cut)
  })

  it('refuses numbers that were repaired, and says what helps', async () => {
    await using folder = await fixture()
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
    await retrained(join(folder.path, 'model.onnx'), join(folder.path, 'trained.onnx'))
    await done(['prune', 'model.onnx', '--recover', 'repair', '--calibrate', 'calibrate.npz'], folder.path)
    const message = await refusal(LIKE, folder.path)
    expect(message).toMatch(/gives .* numbers of its own \(by repair\)/)
    expect(message).toContain('--mask')
  })
})
