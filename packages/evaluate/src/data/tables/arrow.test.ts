import { open as openFile } from 'node:fs/promises'
import { type Table as Columns, columnFromArray, dictionary, int32, tableFromColumns, tableToIPC, utf8 } from '@uwdata/flechette'
import { expect, test } from 'vitest'
import { put, temporaryFolder } from '../../fixture.test.files.js'
import { openArrow } from './arrow.js'
import { arrowMessages } from './arrow-messages.js'

const folder = temporaryFolder()
const ROWS = 10

/** Three batches of four, four and two rows, with a dictionary. */
function batches(): Columns {
  const numbers = Int32Array.from({ length: ROWS }, (_, i) => i)
  const names = Array.from({ length: ROWS }, (_, i) => ['a', 'b', 'c'][i % 3]!)
  return tableFromColumns({
    n: columnFromArray(numbers, int32(), { maxBatchRows: 4 }),
    name: columnFromArray(names, dictionary(utf8()), { maxBatchRows: 4 }),
  })
}

const open = (name: string, bytes: Uint8Array) => openArrow({ path: put(folder, name, bytes), name, folder })

test.each(['stream', 'file'] as const)('a %s is read batch by batch, as often as asked', async (format) => {
  const table = await open(`${format}.arrow`, tableToIPC(batches(), { format })!)
  expect(table.rows).toBe(ROWS)
  for (let time = 0; time < 2; time++) {
    const rows = []
    for await (const row of table.read()) rows.push(row)
    expect(rows.map(({ values }) => values)).toEqual(
      Array.from({ length: ROWS }, (_, n) => ({ n, name: ['a', 'b', 'c'][n % 3] })),
    )
    expect(rows[9]?.where).toBe(`${format}.arrow: row 10`)
  }
})

test('a stream may replace a dictionary: each batch has the one before it', async () => {
  const messages = async (names: readonly string[]) => {
    const bytes = tableToIPC(tableFromColumns({ name: columnFromArray([...names], dictionary(utf8())) }), { format: 'stream' })!
    const handle = await openFile(put(folder, 'part.arrow', bytes), 'r')
    const all = await arrowMessages(handle, bytes.length)
    await handle.close()
    return all.map(({ start, bytes: length }) => bytes.subarray(start, start + length))
  }
  const [one, other] = [await messages(['cat', 'dog', 'cat']), await messages(['fox', 'owl', 'owl'])]
  const end = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0)
  const table = await open('replaced.arrow', Buffer.concat([...one, ...other.slice(1), end]))
  const names = []
  for await (const { values } of table.read()) names.push(values.name)
  expect(names).toEqual(['cat', 'dog', 'cat', 'fox', 'owl', 'owl'])
})

test.each(['stream', 'file'] as const)('a %s that is cut short is told', async (format) => {
  const bytes = tableToIPC(batches(), { format })!
  const whole = bytes.length - 8
  for (let length = 0; length < whole; length += 4) {
    const outcome = await open('cut.arrow', bytes.subarray(0, length)).then(
      async (table) => {
        let rows = 0
        for await (const _ of table.read()) rows++
        return rows
      },
      (error: Error) => error.message,
    )
    // Between two messages a stream without an end has as many batches as are there.
    if (typeof outcome === 'number') expect([format, [0, 4, 8].includes(outcome)]).toEqual(['stream', true])
    else expect(outcome).toContain('cut.arrow: not readable as Arrow')
  }
})
