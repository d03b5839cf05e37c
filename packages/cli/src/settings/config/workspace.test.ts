import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../pipeline/run.js'
import { fixture, TEST_MODELS } from '../../testing/folder.js'

const SECRET = 'root:x:0:0:AUTHORIZATION: basic c2VjcmV0'

/** A checkout in which `name` is a link to a file of the machine, or into .git, and a config that names it. */
async function checkout(name: string, config: object, { to = 'machine' }: { to?: 'machine' | '.git' } = {}) {
  const folder = await fixture()
  const workspace = join(folder.path, 'workspace')
  await mkdir(join(workspace, '.git'), { recursive: true })
  for (const place of [join(folder.path, 'secret'), join(workspace, '.git/config')]) await writeFile(place, SECRET)
  await symlink(to === '.git' ? '.git/config' : '../secret', join(workspace, name))
  for (const file of ['model.onnx', 'val.npz']) await symlink(join('..', file), join(workspace, `link-${file}`))
  for (const [file, from] of Object.entries({ 'model.onnx': 'mlp-digits.onnx', 'val.npz': 'data/digits-evaluate.npz' })) {
    const { readFile } = await import('node:fs/promises')
    await writeFile(join(workspace, file), await readFile(join(TEST_MODELS, from)))
  }
  if (name !== 'pare.config.json' && name !== 'pare.config.yaml')
    await writeFile(join(workspace, 'pare.config.json'), JSON.stringify(config))
  return { folder, workspace, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const model = (more: object) => ({ models: [{ path: 'model.onnx', ...more }] })
const measured = { evaluate: { data: 'val.npz', metric: 'accuracy' } }

const NAMED: readonly (readonly [what: string, name: string, config: object])[] = [
  ['the config itself', 'pare.config.json', {}],
  ['a config in YAML', 'pare.config.yaml', {}],
  ['a model', 'x.onnx', { models: [{ path: 'x.onnx' }] }],
  ['a model that a glob finds', 'x.onnx', { models: [{ path: 'x*.onnx' }] }],
  ['evaluation data', 'x.csv', model({ evaluate: { data: 'x.csv' } })],
  ['a tokenizer', 'x.json', model({ evaluate: { data: 'val.npz', tokenizer: 'x.json' } })],
  ['examples', 'x.jsonl', model({ evaluate: { data: 'val.npz', metric: 'accuracy', examples: 'x.jsonl' } })],
  ['what is beside a tokenizer', 'tokenizer_config.json', model({ evaluate: { data: 'val.npz', tokenizer: 'model.onnx' } })],
  ['calibration data', 'x.jsonl', model({ ...measured, calibrate: 'x.jsonl' })],
  ['training data', 'x.jsonl', model({ ...measured, train: 'x.jsonl', recover: 'retrain' })],
  ['what beside the data says of classes', 'config.json', model({ evaluate: { data: 'val.npz', metric: 'accuracy' } })],
  ['a file of names of classes', 'x.txt', model({ evaluate: { data: 'val.npz', metric: 'accuracy', classes: 'x.txt' } })],
  ['statistics', 'x.pare', model({ ...measured, calibrate: 'x.pare', prune: [{ criterion: 'wanda' }] })],
  ['statistics in shards', 'x.*.pare', model({ ...measured, calibrate: 'x.*.pare', prune: [{ criterion: 'wanda' }] })],
  ['a mask in .npz', 'x.npz', model({ ...measured, prune: [{ mask: 'x.npz' }] })],
  ['a mask in .safetensors', 'x.safetensors', model({ ...measured, prune: [{ mask: 'x.safetensors' }] })],
  ['data in a folder that is a link', 'x', model({ evaluate: { data: 'x' } })],
  ['an allocation', 'x.json', model({ ...measured, prune: [{ allocation: 'x.json' }] })],
]

describe.skipIf(process.platform === 'win32')('of a checkout that is not trusted', () => {
  for (const to of ['machine', '.git'] as const) {
    it.each(NAMED)(`%s is not read through a link ${to === '.git' ? 'into .git' : 'out of it'}`, async (_, name, config) => {
      await using place = await checkout(name, config, { to })
      const failure: unknown = await run({ cwd: place.workspace, trusted: false }).catch((error: unknown) => error)
      expect(failure).toMatchObject({ kind: 'untrusted' })
      expect(String(failure)).toMatch(/is a link that leads|leads out of the folder that the data may name|lies in \.git/)
      expect(JSON.stringify([String(failure), failure])).not.toMatch(/root|AUTHORIZATION/)
    })
  }

  it.each([
    ['a path that climbs out', '../val.npz'],
    ['a path that climbs out to what is not there', '../none.npz'],
    ['an absolute path', '/etc/passwd'],
    ['a file in .git', '.git/config'],
  ])('%s is refused', async (_, data) => {
    await using models = await checkout('unused', { models: [{ path: data }, { path: `${data}/**/*.onnx` }] })
    await expect(run({ cwd: models.workspace, trusted: false })).rejects.toMatchObject({ kind: 'untrusted' })
    await using place = await checkout('unused', model({ evaluate: { data } }))
    await expect(run({ cwd: place.workspace, trusted: false })).rejects.toMatchObject({ kind: 'untrusted' })
  })

  it('no command of a config is run', async () => {
    const metric = { name: 'accepted', command: 'touch ran', sandbox: 'none' }
    await using place = await checkout('unused', model({ evaluate: { data: 'inner.npz', metric } }))
    await expect(run({ cwd: place.workspace, trusted: false })).rejects.toMatchObject({
      kind: 'untrusted',
      message: expect.stringContaining('runs a command of the config, and this checkout is not trusted.') as string,
    })
  })

  it('a folder that is a link is no way out either', async () => {
    await using place = await checkout('unused', model({ evaluate: { data: 'up/val.npz' } }))
    await symlink('..', join(place.workspace, 'up'))
    await expect(run({ cwd: place.workspace, trusted: false })).rejects.toMatchObject({ kind: 'untrusted' })
  })

  it('inputs of the workflow may name files elsewhere, but not what the checkout has put a link in the place of', async () => {
    await using place = await checkout('unused', {})
    const overrides = { models: ['model.onnx'], evaluate: { metric: 'accuracy' }, gate: { maxDrop: 0.9 } }
    const at = (more: object) => run({ cwd: place.workspace, trusted: false, config: {}, overrides: { ...overrides, ...more } })
    expect(await at({ evaluate: { data: join(place.folder.path, 'val.npz') } })).toMatchObject({ exitCode: 0 })
    await expect(at({ evaluate: { data: 'link-val.npz' } })).rejects.toMatchObject({ kind: 'untrusted' })
    await expect(at({ evaluate: { data: 'val.npz' }, models: ['link-model.onnx'] })).rejects.toMatchObject({ kind: 'untrusted' })
  })

  it('files in the checkout are read, also through links within it, and from a folder in it', async () => {
    await using place = await checkout(
      'unused',
      model({ evaluate: { data: 'inner.npz', metric: 'accuracy' }, gate: { maxDrop: 0.9 } }),
    )
    await symlink('val.npz', join(place.workspace, 'inner.npz'))
    await mkdir(join(place.workspace, 'sub'))
    const { workspace } = place
    expect(await run({ cwd: join(workspace, 'sub'), workspace, trusted: false })).toMatchObject({ exitCode: 0 })
  })

  it('a config that cannot be parsed is not quoted', async () => {
    for (const [name, text] of [
      ['pare.config.json', `{"a": ${SECRET}`],
      ['pare.config.yaml', `a: [${SECRET}`],
    ] as const) {
      await using place = await checkout('unused', {})
      await writeFile(join(place.workspace, name), text)
      const failure: unknown = await run({ cwd: place.workspace, trusted: false, config: name }).catch((error: unknown) => error)
      expect(failure).toMatchObject({ kind: 'usage' })
      expect(String(failure)).not.toMatch(/root|AUTHORIZATION/)
    }
  })

  it('a checkout that is trusted may have links', async () => {
    await using place = await checkout('unused', {
      models: [{ path: 'link-model.onnx', evaluate: { data: 'link-val.npz', metric: 'accuracy' }, gate: { maxDrop: 0.9 } }],
    })
    expect(await run({ cwd: place.workspace })).toMatchObject({ exitCode: 0 })
  })
})
