import { mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises'
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
})
