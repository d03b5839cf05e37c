import { expect, test } from 'vitest'
import { put, temporaryFolder } from '../../fixture.test.files.js'
import { openJson } from './json.js'

const folder = temporaryFolder()
const read = async (content: unknown) => {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  const table = await openJson({ path: put(folder, 'd.json', text), name: 'd.json', folder })
  const rows = []
  for await (const { values } of table.read()) rows.push(values)
  return rows
}

const rows = [
  { x: [0, 1], label: 'cat' },
  { x: [2, 3], label: 'dog' },
]

test.each([
  ['a list of objects', rows],
  ['the same, on several lines', JSON.stringify(rows, null, 2)],
  ['an object with that list as its data', { version: 1, data: rows }],
  ['columns as pandas writes them', { x: { 0: [0, 1], 1: [2, 3] }, label: { 0: 'cat', 1: 'dog' } }],
  [
    'columns as lists',
    {
      x: [
        [0, 1],
        [2, 3],
      ],
      label: ['cat', 'dog'],
    },
  ],
  ['an object on each line', rows.map((row) => JSON.stringify(row)).join('\n')],
  [
    'the same as Windows writes lines, with a byte order mark',
    `\uFEFF${rows.map((row) => JSON.stringify(row)).join('\r\n')}\r\n`,
  ],
])('%s', async (_, content) => {
  expect(await read(content)).toEqual(rows)
})

test('what has no rows is refused with what is read', async () => {
  for (const content of [3, [1, 2], { a: 1 }, { model: { name: 1 }, data: { name: 2 } }, { a: [1, 2], b: [1] }])
    await expect(read(content)).rejects.toThrow('d.json: JSON without rows.')
  await expect(read('[{"a": 1},')).rejects.toThrow('d.json: not JSON')
})
