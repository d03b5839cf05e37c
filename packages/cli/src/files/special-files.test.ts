import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
import { globFiles } from './model-files.js'

const DATA = ['--data', 'val.npz']

/** Each would wait for ever for somebody who writes into the pipe. */
const COMMANDS: readonly (readonly string[])[] = [
  ['inspect', 'pipe.onnx'],
  ['prune', 'pipe.onnx'],
  ['plan', 'pipe.onnx'],
  ['prune', 'model.onnx', '--criterion', 'wanda', '--calibrate', 'pipe.npz'],
  ['prune', 'model.onnx', '--allocation', 'pipe.json'],
  ['prune', 'model.onnx', '--mask', 'pipe.npz'],
  ['plan', 'model.onnx', '--mask', 'pipe.safetensors'],
  ['prune', 'model.onnx', '--recover', 'retrain', '--train', 'pipe.npz'],
  ['replay', 'pipe.json', 'model.onnx'],
  ['replay', 'beside.plan.json', 'model.onnx'],
  ['run', '--config', 'pipe.json'],
  ['run', 'pipe.onnx', ...DATA],
  ['run', 'model.onnx', '--data', 'pipe.npz'],
  ['evaluate', 'pipe.onnx', ...DATA],
  ['evaluate', 'model.onnx', '--data', 'pipe.npz'],
  ['evaluate', 'model.onnx', ...DATA, '--tokenizer', 'pipe.json'],
  ['evaluate', 'model.onnx', ...DATA, '--metric', 'agreement', '--reference', 'pipe.onnx'],
  ['calibrate', 'pipe.onnx', ...DATA, '--out', 'stats.pare'],
  ['calibrate', 'model.onnx', '--data', 'pipe.npz', '--out', 'stats.pare'],
  ['calibrate', 'model.onnx', ...DATA, '--out', 'kept.pare'],
  ['merge', 'pipe.npz', 'val.npz', '--out', 'all.pare'],
  ['sensitivity', 'pipe.onnx', ...DATA],
  ['sensitivity', 'model.onnx', '--data', 'pipe.npz'],
  ['bench', 'pipe.onnx', 'model.onnx'],
]

describe.skipIf(process.platform === 'win32')('a named pipe in the place of a file', () => {
  it.each(COMMANDS.map((argv) => [argv.join(' '), argv] as const))('is refused by pare %s', async (_, argv) => {
    await using folder = await fixture(undefined, { 'beside.plan.json': '{}' })
    for (const name of ['pipe.onnx', 'pipe.npz', 'pipe.safetensors', 'pipe.json', 'beside.plan.bin', 'kept.pare.partial'])
      execFileSync('mkfifo', [join(folder.path, name)])
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path })
    expect(stderr).toMatch(/is a named pipe, expected|is not a file/)
    expect(exitCode).toBe(2)
  })
})

describe('the files of a glob', () => {
  it('are found at any depth, in order; not hidden ones, and none of node_modules', async () => {
    const names = ['m/b.onnx', 'm/a.onnx', 'm/sub/deep/c.onnx', 'm/.hidden/d.onnx', 'm/node_modules/e.onnx', 'm/f.txt']
    await using folder = await fixture(undefined, Object.fromEntries(names.map((name) => [name, ''])))
    const matches = async (glob: string) => (await globFiles(glob, folder.path)).map((path) => path.slice(folder.path.length + 1))
    expect(await matches('m/**/*.onnx')).toEqual(['m/a.onnx', 'm/b.onnx', 'm/sub/deep/c.onnx'])
    expect(await matches('m/*.onnx')).toEqual(['m/a.onnx', 'm/b.onnx'])
    expect(await matches('m/{sub/deep,.hidden}/*.onnx')).toEqual(['m/sub/deep/c.onnx'])
    expect(await matches('m/.hidden/*.onnx')).toEqual(['m/.hidden/d.onnx'])
    expect(await matches('./m/[!b].onnx')).toEqual(['m/a.onnx'])
    expect(await matches(join(folder.path, 'm/*.onnx'))).toEqual(['m/a.onnx', 'm/b.onnx'])
    expect(await matches('none/*.onnx')).toEqual([])
  })

  it.skipIf(process.platform === 'win32')('are each found once where links make circles', async () => {
    await using folder = await fixture()
    await mkdir(join(folder.path, 'm'))
    await writeFile(join(folder.path, 'm/a.onnx'), '')
    await symlink('..', join(folder.path, 'm/up'))
    await symlink('.', join(folder.path, 'm/here'))
    const matches = (await globFiles('m/**/*.onnx', folder.path)).map((path) => path.slice(folder.path.length + 1))
    expect(matches.filter((path) => path.endsWith('a.onnx'))).toEqual(['m/a.onnx'])
  })
})
