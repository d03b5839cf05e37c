import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSearchState } from './search-state.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pare-search-state-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('goes on from what is written down, and throws away what another search left', async () => {
  const first = await openSearchState(folder, 'one')
  await first.record(
    [
      ['a', 1.5],
      ['b', Number.NaN],
    ],
    3,
  )
  await writeFile(join(folder, 'scores.jsonl'), '{"trial":"c","sco', { flag: 'a' })
  const again = await openSearchState(folder, 'one')
  expect([...again.scores]).toEqual([
    ['a', 1.5],
    ['b', Number.NaN],
  ])
  expect(again.seconds).toBe(3)
  expect([...(await openSearchState(folder, 'two')).scores]).toEqual([])
})

it('begins anew in a folder that was left before anything was written down', async () => {
  await mkdir(join(folder, 'levels'))
  expect([...(await openSearchState(folder, 'one')).scores]).toEqual([])
})

it('leaves a folder alone that holds something else', async () => {
  await writeFile(join(folder, 'thesis.txt'), 'mine')
  await expect(openSearchState(folder, 'one')).rejects.toThrow('something else lies there')
})
