import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { input, temporaryFolder } from '../../fixture.test.files.js'
import { openData } from '../data.js'
import { glanceAt } from '../glance.js'
import { filesNamedBy } from '../named-files.js'
import { png } from './boxes.test.support.js'

const folder = temporaryFolder()
let count = 0
const tree = (files: Readonly<Record<string, Uint8Array | string>>) => {
  const root = join(folder, `set${count++}`)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}
const read = async (root: string) => {
  const data = await openData(root, { inputs: [input('x', 'float32', ['N', 2])], trusted: false })
  const values: number[] = []
  const labels: number[] = []
  for await (const { inputs, label } of data.batches(3)) {
    values.push(...Array.from(inputs.x!.data, Number))
    labels.push(...Array.from(label!.data, Number))
  }
  return { values, labels, notes: data.notes.join() }
}

const [ONE, TWO] = ['a,b,label\n1,2,0\n3,4,1\n', 'a,b,label\n5,6,1\n']
const line = (x: readonly number[], label: number) => JSON.stringify({ x, label })

describe('tables of a folder follow each other in the order of their names', () => {
  it.each([
    ['CSV', { 'part-00000.csv': ONE, 'part-00001.csv': TWO, _SUCCESS: '', '.part-00000.csv.crc': 'x' }],
    ['CSV that is packed, and CSV that is not', { '2024.csv.gz': gzipSync(ONE), '2025.csv': TWO, 'README.md': '# Data' }],
    ['TSV', { 'a.tsv': ONE.replaceAll(',', '\t'), 'b.tsv': TWO.replaceAll(',', '\t') }],
    [
      'JSONL',
      { 'a.jsonl': `${line([1, 2], 0)}\n${line([3, 4], 1)}`, 'b.jsonl': line([5, 6], 1), 'dataset_info.json': '{"a": 1}' },
    ],
    ['JSON', { 'a.json': `[${line([1, 2], 0)}, ${line([3, 4], 1)}]`, 'b.json': `[${line([5, 6], 1)}]`, 'config.json': '{}' }],
  ])('%s', async (_, files) => {
    const root = tree(files as Readonly<Record<string, Uint8Array | string>>)
    const { values, labels, notes } = await read(root)
    expect(values).toEqual([1, 2, 3, 4, 5, 6])
    expect(labels).toEqual([0, 1, 1])
    expect(notes).toMatch(/2 files of set\d+ are read one after the other: /)
    expect((await glanceAt(root)).columns.find(({ name }) => name === 'label')!.values).toEqual([0, 1, 1])
  })

  it('and the files that they name are hashed', async () => {
    const root = tree({ 'a.csv': 'file,label\nx/1.png,0\n', 'b.csv': 'file,label\nx/2.png,1\n' })
    expect(await filesNamedBy(root)).toEqual(['x/1.png', 'x/2.png'])
  })

  it('one alone is that table', async () => {
    expect((await read(tree({ 'val.csv': ONE }))).notes).toBe('')
  })

  it.each([
    [
      { 'a.csv': ONE, 'b.csv': 'a,c,label\n5,6,1\n' },
      'b.csv: its columns are not those of a.csv: b is in a.csv alone; c is in b.csv alone.',
    ],
    [
      { 'a.csv': ONE, 'b.csv': 'b,a,label\n6,5,1\n' },
      'b.csv: its columns are not those of a.csv: they are in another order, b, a, label.',
    ],
    [
      { 'a.jsonl': line([1, 2], 0), 'b.jsonl': '{"x": [1, 2]}' },
      'b.jsonl: its columns are not those of a.jsonl: label is in a.jsonl alone.',
    ],
    [{ 'a.csv': ONE, 'b.csv': '' }, 'b.csv: the file is empty.'],
    [{ 'a.csv': ONE, 'b.jsonl': line([5, 6], 1) }, 'tables in several formats: .csv, .jsonl.'],
    [{ 'train.csv': ONE, 'val.csv': TWO }, 'tables of several data sets: train.csv, val.csv.'],
    [{ 'data.csv': ONE, 'data_train_0.csv': TWO }, 'tables of several data sets: data.csv, data_train_0.csv.'],
    [{ 'a.csv': ONE, 'b.csv': '\u0001'.repeat(20) }, 'b.csv: its columns are not those of a.csv'],
  ])('what does not belong together is refused: %#', async (files, message) => {
    const refusal = read(tree(files as Readonly<Record<string, Uint8Array | string>>))
    await expect(refusal).rejects.toThrow(message)
    await expect(refusal).rejects.toHaveProperty('hint', expect.any(String))
  })

  it('beside images they are no data', async () => {
    const root = tree({ 'cat/1.png': png(2, 1), 'dog/2.png': png(2, 1), 'labels.csv': ONE })
    const data = await openData(root, { inputs: [input('x', 'uint8', ['N', 3, 1, 2])], trusted: false })
    expect(data.notes.join()).toContain('0 cat, 1 dog')
  })
})
