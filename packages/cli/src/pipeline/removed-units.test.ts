import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

/** Two layers of 16 weights: those of the second are a thousand times as large. */
const uneven = () =>
  parseText(
    'g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] small, float[4, 4] large> { h = MatMul(x, small) r = Relu(h) y = MatMul(r, large) }',
    {
      small: Float32Array.from({ length: 16 }, (_, i) => (i + 1) / 1000),
      large: Float32Array.from({ length: 16 }, (_, i) => i + 1),
    },
  )

describe('a layer of which nothing is left', () => {
  it.each(['prune', 'plan'])('%s warns of it, and names what helps', async (command) => {
    await using folder = await fixture()
    await writeFile(join(folder.path, 'uneven.onnx'), await modelBytes(uneven()))
    const { exitCode, stderr, json } = await pare([command, 'uneven.onnx', '--sparsity', '0.5', '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    const warning = "nothing is left of 'small': all elements are zero."
    expect(stderr).toContain(`warning: uneven.onnx: ${warning}`)
    expect(json()).toMatchObject({ warnings: [expect.stringContaining('--normalize lamp')] })
    const cured = await pare([command, 'uneven.onnx', '--sparsity', '0.5', '--normalize', 'lamp', '--out', 'cured'], {
      cwd: folder.path,
    })
    expect(cured.stderr).not.toContain('nothing is left')
  })
})
