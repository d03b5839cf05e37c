import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseNpz } from './npz.js'
import { npzBytes, type PieceArray } from './write-npz.js'

const interpreter = process.env.PYTHON ?? '/usr/bin/python3'
const required = process.env.CI === 'true' && process.platform === 'linux'

function hasNumpy(): boolean {
  try {
    execFileSync(interpreter, ['-c', 'import numpy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** In pieces of so many elements. */
const arrayOf = (name: string, shape: readonly number[], values: readonly number[], piece = 3): PieceArray => ({
  name,
  shape,
  async *elements() {
    for (let at = 0; at < values.length; at += piece) yield Uint8Array.from(values.slice(at, at + piece))
  },
})

async function bytesOf(arrays: readonly PieceArray[]): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of npzBytes(arrays)) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe('a .npz file', () => {
  const arrays = [
    arrayOf('/encoder/layer.0/MatMul', [2, 3], [1, 0, 1, 1, 0, 0]),
    arrayOf('größe', [5], [0, 0, 0, 0, 1]),
    arrayOf('scalar', [], [1]),
    arrayOf('empty', [0, 4], []),
    arrayOf(
      'long',
      [100, 30, 2],
      Array.from({ length: 6000 }, (_, i) => Number(i % 7 > 2)),
      1000,
    ),
  ]

  it.skipIf(!required && !hasNumpy())('is what NumPy reads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pare-npz-'))
    try {
      await writeFile(join(folder, 'a.npz'), await bytesOf(arrays))
      const script =
        'import sys, json, numpy\nf = numpy.load(sys.argv[1])\nprint(json.dumps([[k, str(f[k].dtype), f[k].shape, f[k].ravel().astype(int).tolist()] for k in f]))'
      const read = JSON.parse(execFileSync(interpreter, ['-c', script, join(folder, 'a.npz')], { encoding: 'utf8' })) as unknown
      const expected = []
      for (const { name, shape, elements } of arrays) {
        const values: number[] = []
        for await (const piece of elements()) values.push(...piece)
        expected.push([name, 'bool', shape, values])
      }
      expect(read).toEqual(expected)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is read back, and is the same each time', async () => {
    const any = fc.record({
      shape: fc.array(fc.nat(4), { maxLength: 3 }),
      seed: fc.nat(),
      piece: fc.integer({ min: 1, max: 9 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(any, { maxLength: 4 }), async (wanted) => {
        const values = wanted.map(({ shape, seed }) =>
          Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((seed >> (i % 31)) ^ i) & 1),
        )
        const own = wanted.map(({ shape, piece }, i) => arrayOf(`a${i}`, shape, values[i]!, piece))
        const bytes = await bytesOf(own)
        expect(await bytesOf(own)).toEqual(bytes)
        const read = [...parseNpz(bytes, 'a.npz', 1e6)].map(([name, { type, shape, data }]) => [
          name,
          type,
          shape,
          Array.from(data, Number),
        ])
        expect(read).toEqual(wanted.map(({ shape }, i) => [`a${i}`, 'bool', shape, values[i]]))
      }),
    )
  })

  it('holds numbers as they lie in memory', async () => {
    const values = Float32Array.of(1.5, -2, 1e-9, 4, 5, 6)
    const bytes = new Uint8Array(values.buffer)
    const array: PieceArray = {
      name: 'x',
      type: 'float32',
      shape: [3, 2],
      elements: () => [bytes.subarray(0, 8), bytes.subarray(8)],
    }
    const ids: PieceArray = {
      name: 'ids',
      type: 'int64',
      shape: [1],
      elements: () => [new Uint8Array(BigInt64Array.of(-7n).buffer)],
    }
    expect([...parseNpz(await bytesOf([array, ids]), 'a.npz', 1e6)]).toEqual([
      ['x', { type: 'float32', shape: [3, 2], data: values }],
      ['ids', { type: 'int64', shape: [1], data: BigInt64Array.of(-7n) }],
    ])
  })

  it('that would be larger than such files can be is refused before anything is written', async () => {
    await expect(bytesOf([arrayOf('a', [2 ** 20, 2 ** 12], [])])).rejects.toThrow(
      'a .npz file holds less than 4000000000 bytes in less than 65535 arrays, and these are 4294967296 in 1.',
    )
  })
})
