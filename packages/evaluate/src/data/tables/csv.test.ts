import { join } from 'node:path'
import { expect, test } from 'vitest'
import { array, input, put, temporaryFolder } from '../../fixture.test.files.js'
import { stackArrays } from '../rows/sample.js'
import { cellReader } from './cells.js'
import { openCsv } from './csv.js'

const folder = temporaryFolder()
const image = input('image', 'float32', ['batch', 1, 2, 2])
const parse = async (text: string, inputs = [image]) => {
  const table = await openCsv({ path: put(folder, 'd.csv', text), name: 'd.csv', folder }, ',')
  const { read } = cellReader(table.header!, { table, inputs, label: 'label', kept: new Set(['id']) })
  const rows: Map<string, ReturnType<typeof array>>[] = []
  for await (const row of table.read()) rows.push(new Map(read(row)) as (typeof rows)[number])
  return stackArrays(rows, 'd.csv')
}

test('the columns of a model with one input fill its sample shape in order', async () => {
  const arrays = await parse('label,a,b,c,d\n3,1,2,3,4\n0,5,6,7,8.5\n')
  expect(arrays.get('image')).toEqual(array('float64', [2, 1, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8.5]))
  expect(arrays.get('label')).toEqual(array('int64', [2], [3, 0]))
})

test('columns go to the inputs they are named after, by index', async () => {
  const inputs = [input('x', 'float32', ['n', 2]), input('y', 'float32', ['n'])]
  const arrays = await parse('x[1],y,id,x[0],label\n1,2,77,3,0\n', inputs)
  expect(arrays.get('x')).toEqual(array('float64', [1, 2], [3, 1]))
  expect(arrays.get('y')).toEqual(array('float64', [1], [2]))
  expect(arrays.has('id')).toBe(false)
})

test('quotes, blanks and a byte order mark are read over', async () => {
  expect((await parse('\uFEFF"a", b ,c,d\r\n"1",2,3,4\r\n\r\n')).get('image')).toEqual(
    array('float64', [1, 1, 2, 2], [1, 2, 3, 4]),
  )
})

test('semicolons and tabs are taken where the header has no comma, and a comma before fractions is named', async () => {
  const read = array('float64', [1, 1, 2, 2], [1, 2, 3, 4])
  expect((await parse('a;b;c;d\n1;2;3;4\n')).get('image')).toEqual(read)
  expect((await parse('a\tb\tc\td\n1\t2\t3\t4\n')).get('image')).toEqual(read)
  const refused = parse('a;b;c;d\n0,5;2;3;4\n')
  await expect(refused).rejects.toThrow('"0,5" is not a number')
  await expect(refused).rejects.toHaveProperty('hint', 'write a point before fractions: 0.5, not 0,5.')
})

test('a free axis takes the columns that are left', async () => {
  expect((await parse('a,b,c,d\n1,2,3,4\n', [input('x', 'float32', ['n', 't', 2])])).get('x')?.shape).toEqual([1, 2, 2])
})

test('several columns of labels are one array, in the order in which they are said', async () => {
  const table = await openCsv(
    { path: put(folder, 'd.csv', 'cat,a,b,dog,c,d\n1,1,2,0,3,4\n0,5,6,1,7,8\n'), name: 'd.csv', folder },
    ',',
  )
  const { read } = cellReader(table.header!, { table, inputs: [image], label: 'dog, cat', kept: new Set() })
  const rows: Map<string, ReturnType<typeof array>>[] = []
  for await (const row of table.read()) rows.push(new Map(read(row)) as (typeof rows)[number])
  const arrays = stackArrays(rows, 'd.csv')
  expect(arrays.get('dog, cat')).toEqual(array('int64', [2, 2], [0, 1, 1, 0]))
  expect(arrays.get('image')).toEqual(array('float64', [2, 1, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))
})

test('the numbers of rows that pandas writes are no input', async () => {
  const read = array('float64', [1, 1, 2, 2], [1, 2, 3, 4])
  for (const name of ['', 'Unnamed: 0']) {
    expect((await parse(`${name},a,b,c,d\n7,1,2,3,4\n`)).get('image')).toEqual(read)
    const table = await openCsv({ path: join(folder, 'd.csv'), name: 'd.csv', folder }, ',')
    expect(table.notes).toEqual([expect.stringMatching(/^the first column of d\.csv is left out: .* as pandas writes/)])
  }
  // Two columns without a name are no such numbers.
  await expect(parse(',a,b,c,\n7,1,2,3,4\n')).rejects.toThrow('d.csv: 5 columns')
})

test('a wrong number of columns is refused with both', async () => {
  await expect(parse('a,b,c,label\n1,2,3,0\n')).rejects.toThrow(
    "d.csv: 3 columns (a, b, c) for input 'image' float32[batch, 1, 2, 2], whose samples have 4 elements.",
  )
})

test('a missing header and cells that are no numbers are named with their place', async () => {
  await expect(parse('1,2,3,4\n5,6,7,8\n')).rejects.toThrow('d.csv:1: the first row holds numbers only')
  await expect(parse('a,b,c,d\n1,2,3,4\n1,,3,4\n')).rejects.toThrow(`d.csv:3, column 'b': "" is not a number.`)
  await expect(parse('a,b,c,d\n1,2,3,x\n')).rejects.toThrow(`d.csv:2, column 'd': "x" is not a number.`)
  await expect(parse('a,b,c,d\n1,2,3\n')).rejects.toThrow(/d\.csv: not readable as CSV/)
})
