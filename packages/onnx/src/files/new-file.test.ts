import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NewFile, writeWhole } from './new-file.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pare-new-file-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('is nowhere under its name until it is published', async () => {
  const path = join(folder, 'a.txt')
  await using file = await NewFile.create(path)
  await file.handle.writeFile('whole')
  expect(await readdir(folder)).not.toContain('a.txt')
  await file.complete()
  await file.publish()
  expect(await readFile(path, 'utf8')).toBe('whole')
})

it('replaces a link, and leaves alone what the link leads to', async () => {
  await writeFile(join(folder, 'victim'), 'as it was')
  await symlink('victim', join(folder, 'link'))
  expect(await writeWhole(join(folder, 'link'), ['ne', new Uint8Array([119])])).toBe(3)
  expect(await readFile(join(folder, 'victim'), 'utf8')).toBe('as it was')
  expect(await readFile(join(folder, 'link'), 'utf8')).toBe('new')
})

it('leaves nothing behind when its content fails on the way', async () => {
  const before = await readdir(folder)
  const broken = async function* () {
    yield 'half'
    throw new Error('stop')
  }
  await expect(writeWhole(join(folder, 'half.txt'), broken())).rejects.toThrow('stop')
  await mkdir(join(folder, 'taken/by'), { recursive: true })
  await expect(writeWhole(join(folder, 'taken'), 'text')).rejects.toThrow()
  expect((await readdir(folder)).filter((name) => name !== 'taken')).toEqual(before)
})

it('says how a missing folder is made', async () => {
  await expect(writeWhole(join(folder, 'absent/a.txt'), '')).rejects.toMatchObject({
    message: `${join(folder, 'absent/a.txt')} cannot be written: ENOENT.`,
    hint: `make the folder first: mkdir -p ${join(folder, 'absent')}`,
  })
})

it('has a random name until then, so that nobody can put a link in its way', async () => {
  await using one = await NewFile.create(join(folder, 'same'))
  await using other = await NewFile.create(join(folder, 'same'))
  expect(one.temporary).not.toBe(other.temporary)
})
