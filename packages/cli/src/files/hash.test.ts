import { createHash } from 'node:crypto'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { hashFile, hashGrowing } from './hash.js'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

it('hashes a file', async () => {
  await using folder = await fixture(undefined, { 'a.txt': 'abc', 'empty.txt': '' })
  await using abc = hashFile(join(folder.path, 'a.txt'))
  await using empty = hashFile(join(folder.path, 'empty.txt'))
  // FIPS 180-2, appendix B.1.
  expect(await abc.digest()).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(await empty.digest()).toBe(sha256(''))
})

it('hashes a large file in a thread', async () => {
  await using folder = await fixture(undefined, { 'large.txt': 'x'.repeat(10_000_000) })
  await using hashing = hashFile(join(folder.path, 'large.txt'))
  expect(await hashing.digest()).toBe(sha256('x'.repeat(10_000_000)))
})

it('follows a file that is being written', async () => {
  await using folder = await fixture()
  const path = join(folder.path, 'growing')
  await writeFile(path, '')
  await using hashing = hashGrowing(path)
  const parts = Array.from({ length: 5 }, (_, index) => String(index).repeat(700_000))
  for (const [index, part] of parts.entries()) {
    await appendFile(path, part)
    hashing.grew(700_000 * (index + 1))
  }
  expect(await hashing.digest()).toBe(sha256(parts.join('')))
})

it('fails when asked, not before, for a file that is not there', async () => {
  await using hashing = hashFile('/not/there')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await expect(hashing.digest()).rejects.toThrow('does not exist')
})

it('can be stopped at any time', async () => {
  await using folder = await fixture()
  const hashing = hashGrowing(join(folder.path, 'val.npz'))
  await hashing[Symbol.asyncDispose]()
  await expect(hashing.digest()).rejects.toThrow('ended early')
})
