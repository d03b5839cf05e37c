import { mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TEST_MODELS } from './testing/folder.js'
import { pare } from './testing/terminal.js'

const DOC = await readFile(new URL('../../../docs/calibration.md', import.meta.url), 'utf8')
const commands = [...DOC.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'))

describe('docs/calibration.md', () => {
  let cwd = ''
  beforeAll(async () => {
    cwd = await realpath(await mkdtemp(join(tmpdir(), 'pare-docs-')))
    await symlink(TEST_MODELS, join(cwd, 'test-models'), 'junction')
  })
  afterAll(() => rm(cwd, { recursive: true }))

  it('has commands', () => expect(commands.length).toBeGreaterThan(6))

  it.each(commands)('%s does what it says', async (command) => {
    const [npx, name, ...argv] = command.split(' ')
    expect([npx, name]).toEqual(['npx', 'pare'])
    expect(await pare(argv, { cwd })).toMatchObject({ exitCode: 0 })
  })

  it('merges shards to the bytes of one run', async () => {
    const data = 'test-models/data/digits-calibrate.npz'
    await pare(['calibrate', 'test-models/mlp-digits.onnx', '--data', data, '--out', 'pare-out/one.pare'], { cwd })
    const [one, merged] = await Promise.all(['one', 'merged'].map((file) => readFile(join(cwd, 'pare-out', `${file}.pare`))))
    expect(merged!.equals(one!)).toBe(true)
  })

  it('does not merge shards whose data module yielded other samples', async () => {
    const row = (value: number) => `{ input: new Float32Array(64).fill(i % ${value}) }`
    const code = (value: number) => `export default Array.from({ length: 512 }, (_, i) => (${row(value)}))`
    for (const [shard, value] of [
      [1, 3],
      [2, 5],
    ] as const) {
      // Its bytes are the same; the file that it imports is not.
      await writeFile(join(cwd, 'rows.mjs'), code(value))
      await writeFile(join(cwd, 'data.mjs'), "export { default } from './rows.mjs'")
      const of = ['--data', 'data.mjs', '--samples', '512', '--shard', `${shard}/2`, '--out', `${shard}.pare`]
      expect(await pare(['calibrate', 'test-models/mlp-digits.onnx', ...of], { cwd })).toMatchObject({ exitCode: 0 })
    }
    const { exitCode, stderr } = await pare(['merge', '1.pare', '2.pare', '--out', 'all.pare'], { cwd })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining('what their module yields') })
  })
})
