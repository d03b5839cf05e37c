import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
import { Publication } from './publication.js'

const RUN = ['run', 'model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--max-drop', '0.1', '--out', 'out']

async function publish(folder: Folder, files: Readonly<Record<string, string>>, owned: readonly string[] = []) {
  const out = join(folder.path, 'out')
  await using publication = await Publication.open(out, { owned: owned.map((name) => join(out, name)) })
  for (const [name, text] of Object.entries(files)) await writeFile(await publication.staged(join(out, name)), text)
  return await publication.publish()
}

describe('what a command publishes', () => {
  it('is in nobody’s way until all is complete', async () => {
    await using folder = await fixture(undefined, { 'out/a.onnx': 'old' })
    const out = join(folder.path, 'out')
    await using publication = await Publication.open(out, { owned: [] })
    await writeFile(await publication.staged(join(out, 'a.onnx')), 'new')
    expect(await readFile(join(out, 'a.onnx'), 'utf8')).toBe('old')
    await publication.publish()
    expect(await readFile(join(out, 'a.onnx'), 'utf8')).toBe('new')
  })

  it('leaves no trace when it is given up, as far as the folder was made for it', async () => {
    await using folder = await fixture(undefined, { 'kept/note.txt': '' })
    for (const name of ['kept/a/b', 'kept']) {
      await using publication = await Publication.open(join(folder.path, name), { owned: [], exclusive: true })
      await writeFile(await publication.staged(join(folder.path, name, 'a.onnx')), 'new')
    }
    expect(await readdir(join(folder.path, 'kept'))).toEqual(['note.txt'])
  })

  it('takes away what an earlier command left under its names and it did not make', async () => {
    await using folder = await fixture(undefined, { 'out/a.plan.bin': 'old', 'out/b.onnx': 'other' })
    await publish(folder, { 'a.plan.json': '{}' }, ['a.plan.json', 'a.plan.bin'])
    expect(await readdir(join(folder.path, 'out'))).toEqual(['a.plan.json', 'b.onnx'])
  })

  it.each([
    ['a link in the place of a file', 'file'],
    ['a link in the place of a folder', 'folder'],
  ])('does not follow %s', async (_, kind) => {
    await using folder = await fixture(undefined, { victim: 'as it was', 'elsewhere/a.onnx': 'as it was' })
    await mkdir(join(folder.path, 'out'))
    if (kind === 'file') {
      await symlink('../victim', join(folder.path, 'out/a.onnx'))
      await publish(folder, { 'a.onnx': 'new' })
    } else {
      await symlink('../elsewhere', join(folder.path, 'out/sub'))
      await expect(publish(folder, { 'sub/a.onnx': 'new' })).rejects.toThrow('is reached through a link')
    }
    expect(await readFile(join(folder.path, 'victim'), 'utf8')).toBe('as it was')
    expect(await readFile(join(folder.path, 'elsewhere/a.onnx'), 'utf8')).toBe('as it was')
  })

  it('changes nothing where one file has no place', async () => {
    await using folder = await fixture(undefined, { 'out/a.onnx': 'old', 'out/b.onnx/note.txt': '', 'out/results.json': '{}' })
    await expect(publish(folder, { 'a.onnx': 'new', 'b.onnx': 'new', 'results.json': 'new' })).rejects.toThrow('is a folder')
    expect(await readFile(join(folder.path, 'out/a.onnx'), 'utf8')).toBe('old')
    expect(await readFile(join(folder.path, 'out/results.json'), 'utf8')).toBe('{}')
  })

  it('never replaces an input, nor external data of one', async () => {
    await using folder = await fixture(undefined, { 'out/a.onnx.data': 'weights' })
    const out = join(folder.path, 'out')
    await using publication = await Publication.open(out, { owned: [join(out, 'a.onnx.data')] })
    await expect(publication.protect([join(out, 'a.onnx.data')])).rejects.toThrow('inputs are never overwritten')
  })

  it('removes what was needed to start again only when that is not needed any more', async () => {
    await using folder = await fixture(undefined, { 'out/a.training': 'state' })
    const out = join(folder.path, 'out')
    {
      await using publication = await Publication.open(out, { owned: [] })
      publication.spend([join(out, 'a.training')])
    }
    expect(await readdir(out)).toEqual(['a.training'])
    await using publication = await Publication.open(out, { owned: [] })
    publication.spend([join(out, 'a.training')])
    await publication.publish()
    expect((await readdir(out)).filter((name) => !name.startsWith('.'))).toEqual([])
  })
})

describe('a verdict', () => {
  it.each([
    ['prune', ['prune', 'model.onnx', '--sparsity', '0.95', '--out', 'out']],
    ['plan', ['plan', 'model.onnx', '--sparsity', '0.95', '--out', 'out']],
  ])('is not left beside what pare %s puts in the place of what it judged', async (_, argv) => {
    await using folder = await fixture()
    expect(await pare([...RUN, '--sparsity', '0.3'], { cwd: folder.path })).toMatchObject({ exitCode: 0 })
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stderr).toContain('out/results.json and its report judged the files that were here before: removed.')
    expect(await readdir(join(folder.path, 'out'))).toEqual(['model.onnx', 'model.plan.json'])
  })

  it('of other models stays', async () => {
    await using folder = await fixture()
    await pare([...RUN, '--sparsity', '0.3'], { cwd: folder.path })
    const { stderr } = await pare(['prune', 'model.onnx', '--out', 'out/other'], { cwd: folder.path })
    expect(stderr).not.toContain('removed')
    expect(await readdir(join(folder.path, 'out'))).toContain('results.json')
  })

  it('of a run over folders goes when a model in one of them is replaced', async () => {
    await using folder = await fixture()
    for (const name of ['a', 'b']) {
      await mkdir(join(folder.path, name))
      await writeFile(join(folder.path, name, 'model.onnx'), await readFile(join(folder.path, 'model.onnx')))
    }
    await pare(['run', 'a/model.onnx', 'b/model.onnx', ...RUN.slice(2)], { cwd: folder.path })
    expect(await readdir(join(folder.path, 'out'))).toContain('results.json')
    await pare(['prune', 'a/model.onnx', '--out', 'out/a'], { cwd: folder.path })
    expect(await readdir(join(folder.path, 'out'))).toEqual(['a', 'b'])
  })
})

describe('two runs in one folder', () => {
  it('at the same time: the second is refused, and says what to do', async () => {
    await using folder = await fixture()
    const [one, other] = await Promise.all(
      ['0.3', '0.6'].map((sparsity) => pare([...RUN, '--sparsity', sparsity], { cwd: folder.path })),
    )
    const refused = [one!, other!].find(({ exitCode }) => exitCode !== 0)!
    expect([one!.exitCode, other!.exitCode].sort()).toEqual([0, 3])
    expect(refused.stderr).toMatch(/^pare: another pare \(process \d+ on .*\) is writing its results to .*out\.\n/m)
    expect(refused.stderr).toContain('hint: wait until it has ended, or choose another folder with --out')
  })

  it('does not stand in the way of pare prune, which puts its files in place together', async () => {
    await using folder = await fixture()
    const prunes = ['0.3', '0.6'].map((sparsity) =>
      pare(['prune', 'model.onnx', '--sparsity', sparsity, '--out', 'out', '--json'], { cwd: folder.path }),
    )
    expect((await Promise.all(prunes)).map(({ exitCode }) => exitCode)).toEqual([0, 0])
    // Model and plan are of the same command.
    const { json } = await pare(['replay', 'out/model.plan.json', 'model.onnx', '--out', 'again', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({ output: { path: 'again/model.onnx' } })
    const [written, replayed] = await Promise.all(['out', 'again'].map((name) => readFile(join(folder.path, name, 'model.onnx'))))
    expect(written!.equals(replayed!)).toBe(true)
  })
})
