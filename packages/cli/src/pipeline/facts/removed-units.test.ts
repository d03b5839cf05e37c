import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture } from '../../testing/folder.js'
import { pareInProcess as pare } from '../../testing/terminal.js'
import { keptForChoices } from './removed-units.js'

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

describe('experts of which fewer go than a ratio says', () => {
  const cut = (ratio: number, removed: readonly number[]) =>
    keptForChoices(
      [
        {
          ...{ kind: 'cut', structure: 'expert', criterion: 'magnitude', scope: 'group' },
          target: { ratio },
          groups: [{ id: 'router:1', units: 4, removed }],
        },
      ],
      [{ kind: 'coupled', id: 'router:1', units: 4, least: 2, roles: new Set(), slices: [] }],
    )

  it('are warned of, with the number that stays', () => {
    expect(cut(0.95, [0, 1])).toEqual([
      "of the 4 expert units of 'router:1' 2 were removed, where 4 were asked for: the model chooses 2 of them for each input, so as many stay",
    ])
  })

  it('and not where as many go as were asked for', () => {
    expect(cut(0.5, [0, 1])).toEqual([])
    expect(cut(0.25, [3])).toEqual([])
  })
})
