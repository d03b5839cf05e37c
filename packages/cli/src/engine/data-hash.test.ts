import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { hashOfData, whyNotHashed } from './data-hash.js'

const rows = (paths: readonly string[]): Readonly<Record<string, string | Uint8Array>> => ({
  'rows.csv': ['image,label', ...paths.map((path) => `${path},1`)].join('\n'),
  'rows.jsonl': paths.map((image) => JSON.stringify({ image, label: 1 })).join('\n'),
  'rows.parquet': new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'image', data: [...paths], type: 'STRING' }] })),
})

describe('the hash of data', () => {
  it.each(['rows.csv', 'rows.jsonl', 'rows.parquet'])('is that of the images, too, which %s names', async (name) => {
    await using folder = await fixture()
    const path = join(folder.path, name)
    const hash = async (paths: readonly string[]) => {
      await writeFile(path, rows(paths)[name]!)
      return await hashOfData(path, {})
    }
    await writeFile(join(folder.path, 'a.png'), 'one')
    const one = await hash(['a.png'])
    expect(await hash(['a.png'])).toBe(one)
    await writeFile(join(folder.path, 'a.png'), 'two')
    const two = await hash(['a.png'])
    expect([whyNotHashed(one), whyNotHashed(two), one === two]).toEqual([undefined, undefined, false])
    expect(whyNotHashed(await hash(['a.png', '../b.png']))).toBe('it names ../b.png, which lies elsewhere')
    expect(whyNotHashed(await hash(['gone.png']))).toBe('it names gone.png, which is not there')
  })

  it('is that of all files of a folder, and not known where its list names others', async () => {
    await using folder = await fixture()
    const data = join(folder.path, 'data')
    await mkdir(join(data, '.hidden'), { recursive: true })
    await writeFile(join(data, '.hidden/a.png'), 'one')
    await writeFile(join(data, 'metadata.csv'), 'file_name,label\n.hidden/a.png,1\n')
    const one = await hashOfData(data, {})
    await writeFile(join(data, '.hidden/a.png'), 'two')
    expect(await hashOfData(data, {})).not.toBe(one)
    await writeFile(join(data, 'metadata.csv'), 'file_name,label\n../a.png,1\n')
    expect(whyNotHashed(await hashOfData(data, {}))).toBe('it names ../a.png, which lies elsewhere')
  })

  it('is not known of a module that is not run, and of a table that is not readable', async () => {
    await using folder = await fixture()
    await writeFile(join(folder.path, 'data.mjs'), 'throw new Error("it ran")')
    expect(whyNotHashed(await hashOfData(join(folder.path, 'data.mjs'), {}))).toBe('a data module is code')
    await writeFile(join(folder.path, 'cut.parquet'), 'PAR1')
    expect(whyNotHashed(await hashOfData(join(folder.path, 'cut.parquet'), {}))).toContain('cut.parquet: not readable as Parquet')
  })
})
