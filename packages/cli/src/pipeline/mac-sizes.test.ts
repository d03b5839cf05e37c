import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const wave = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1))

/** An image network for any height and width: 8 channels at full size, 4 at half of it. */
async function imageFolder() {
  const folder = await fixture()
  const model = parseText(
    `<ir_version: 10, opset_import: ["" : 18]> m (float[N, 3, height, width] x) => (float[N, 2, a, b] y) <float[8, 3, 3, 3] w, float[4, 8, 3, 3] v, float[2, 4, 1, 1] u>
     { h = Conv<pads = [1, 1, 1, 1]>(x, w)
       r = Relu(h)
       k = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(r, v)
       l = Relu(k)
       y = Conv(l, u) }`,
    { w: wave(8 * 27), v: wave(4 * 72), u: wave(8) },
  )
  await writeFile(join(folder.path, 'image.onnx'), await modelBytes(model))
  return folder
}

/** 8 · 27 at each position, and (4 · 72 + 2 · 4) at each of a quarter of them. */
const macsAt = (height: number, width: number) => height * width * 216 + ((height * width) / 4) * 296

describe('MACs of a model for images of any size', () => {
  it('are counted at 224 × 224, and inspect says so', async () => {
    await using folder = await imageFolder()
    const { stdout } = await pare(['inspect', 'image.onnx'], { cwd: folder.path })
    expect(stdout).toContain(`MACs        ${macsAt(224, 224).toLocaleString('en-US')} for one sample at height = width = 224`)
  })

  it('are counted at the sizes that are said', async () => {
    await using folder = await imageFolder()
    const { json } = await pare(['inspect', 'image.onnx', '--dims', 'height=32,width=64', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({ macs: macsAt(32, 64), macsAt: { N: 1, height: 32, width: 64 } })
  })

  it('are a formula of the sizes, which gives what is counted', async () => {
    await using folder = await imageFolder()
    const { stdout } = await pare(['inspect', 'image.onnx'], { cwd: folder.path })
    expect(stdout).toContain('= 290 · height · width, where height is a multiple of 2 and width is a multiple of 2')
    const { json } = await pare(['inspect', 'image.onnx', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({
      macFormula: {
        terms: [{ coefficient: 216 + 296 / 4, powers: { height: 1, width: 1 } }],
        multiplesOf: { height: 2, width: 2 },
      },
    })
  })

  it('are brought down to a target at those sizes, before and after', async () => {
    await using folder = await imageFolder()
    const argv = [
      'prune',
      'image.onnx',
      '--structure',
      'channel',
      '--target',
      'macs=0.5',
      '--dims',
      'height=32',
      '--dims',
      'width=64',
      '--out',
      'out',
    ]
    const { json } = await pare([...argv, '--json'], { cwd: folder.path })
    const { macs } = json() as unknown as { macs: { before: number; after: number; sizes: Record<string, number> } }
    expect(macs).toMatchObject({ before: macsAt(32, 64), sizes: { N: 1, height: 32, width: 64 } })
    expect(macs.after).toBeLessThanOrEqual(0.5 * macs.before)
    expect(macs.after).toBeGreaterThan(0)
    const { stdout } = await pare(argv, { cwd: folder.path })
    expect(stdout).toMatch(/MACs .* at width = 64, height = 32$/m)
  })

  it.each(['inspect', 'prune'])('are not counted by %s at a size that is not open', async (command) => {
    await using folder = await imageFolder()
    const { exitCode, stderr } = await pare([command, 'image.onnx', '--dims', 'depth=3'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain("the model leaves no size 'depth' open.")
    expect(stderr).toContain('height, width, N')
  })
})
