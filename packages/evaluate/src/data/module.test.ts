import { expect, test } from 'vitest'
import { put, temporaryFolder } from '../fixture.test.files.js'
import { digestOfYield } from './module.js'

const folder = temporaryFolder()
let count = 0
const digest = (code: string, most?: number) =>
  digestOfYield({
    path: put(folder, `digest${count++}.mjs`, code),
    trusted: true,
    ...(most !== undefined && { most }),
  })

test('a digest is of what a module yields, not of its code', async () => {
  const one = await digest('export default [{ x: [1, 2], label: 3 }, { x: [4, 5], label: 6 }]')
  expect(await digest('export default async function* () { yield { label: 3, x: [1, 2] }; yield { x: [4, 5], label: 6 } }')).toBe(
    one,
  )
  const others = [
    '[{ x: [1, 2], label: 3 }]',
    '[{ x: [4, 5], label: 6 }, { x: [1, 2], label: 3 }]',
    '[{ x: [1, 2], label: 3 }, { x: [4, 5], label: 7 }]',
    '[{ x: [1, 2], label: 3 }, { y: [4, 5], label: 6 }]',
    '[{ x: [[1], [2]], label: 3 }, { x: [4, 5], label: 6 }]',
    '[{ x: new Float32Array([1, 2]), label: 3 }, { x: [4, 5], label: 6 }]',
    '[{ x: ["a", "b"], label: 3 }, { x: ["c", "d"], label: 6 }]',
    '[{ x: ["a", "bc"], label: 3 }, { x: ["", "d"], label: 6 }]',
  ]
  const digests = await Promise.all(others.map((samples) => digest(`export default ${samples}`)))
  expect(new Set([one, ...digests]).size).toBe(others.length + 1)
})

test('only so many samples are read', async () => {
  const endless = (from: number) => `export default function* () { for (let i = ${from}; ; i++) yield { x: i < 3 ? i : 9 } }`
  expect(await digest(endless(0), 3)).toBe(await digest(endless(0).replace(': 9', ': 10'), 3))
  expect(await digest(endless(0), 3)).not.toBe(await digest(endless(1), 3))
})

test('a module that may not be run is not', async () => {
  const path = put(folder, 'untrusted.mjs', 'throw new Error("it ran")')
  await expect(digestOfYield({ path })).rejects.toThrow('is not run on untrusted input')
})
