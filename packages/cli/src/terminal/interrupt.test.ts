import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture, TEST_MODELS } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

const BINARY = fileURLToPath(new URL('../../bin/pare.js', import.meta.url))
const LLAMA = join(TEST_MODELS, 'lm-llama.onnx')

/** Runs the real command and sends it a signal when its messages say so. */
function interrupted(
  argv: readonly string[],
  folder: Folder,
  on: { text: string; signal: NodeJS.Signals },
): Promise<{ exitCode: number | null; stderr: string }> {
  const child = spawn(process.execPath, [BINARY, ...argv], { cwd: folder.path, env: { ...process.env, CI: 'true' } })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (!stderr.includes(on.text) && (stderr + text).includes(on.text)) child.kill(on.signal)
    stderr += text
  })
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ exitCode, stderr })))
}

describe('an interrupt', () => {
  it('while writing leaves nothing behind', async () => {
    await using folder = await fixture()
    const abort = new AbortController()
    const onStderr = (text: string) => void (text.includes('writing') && abort.abort())
    const { exitCode, stderr, stdout } = await pare(['prune', LLAMA, '--json'], {
      cwd: folder.path,
      signal: abort.signal,
      onStderr,
    })
    expect(exitCode).toBe(130)
    expect(stderr).toContain('interrupted')
    expect(JSON.parse(stdout)).toMatchObject({ command: 'prune', error: { message: expect.stringContaining('interrupted') } })
    expect(await folder.files()).toEqual(['model.onnx', 'val.npz'])
  })

  it('while deciding leaves nothing behind', async () => {
    await using folder = await fixture()
    const abort = new AbortController()
    abort.abort()
    const { exitCode } = await pare(['prune', 'model.onnx'], { cwd: folder.path, signal: abort.signal })
    expect(exitCode).toBe(130)
    expect(await folder.files()).toEqual(['model.onnx', 'val.npz'])
  })

  it('while a cut is proved leaves nothing behind', async () => {
    await using folder = await fixture()
    const argv = ['prune', LLAMA, '--structure', 'neuron', '--ratio', '0.5', '--out', 'out']
    const { exitCode, stderr } = await interrupted(argv, folder, { text: 'proving the cut', signal: 'SIGINT' })
    expect({ exitCode, last: stderr.trimEnd().split('\n').at(-1) }).toEqual({
      exitCode: 130,
      last: 'pare: interrupted. Nothing half written is left behind.',
    })
    expect(await folder.files()).toEqual(['model.onnx', 'val.npz'])
  })

  it('keeps an earlier result as it was', async () => {
    await using folder = await fixture()
    await pare(['prune', LLAMA, '--out', 'out'], { cwd: folder.path })
    const before = await folder.files()
    const abort = new AbortController()
    const onStderr = (text: string) => void (text.includes('writing') && abort.abort())
    await pare(['prune', LLAMA, '--out', 'out'], { cwd: folder.path, signal: abort.signal, onStderr })
    expect(await folder.files()).toEqual(before)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('by %s ends the command and its children with 130', async (signal) => {
    await using folder = await fixture()
    const argv = ['run', join(TEST_MODELS, 'mnist-resnet20-bn.onnx'), '--data', join(TEST_MODELS, 'data/mnist-evaluate.npz')]
    const { exitCode, stderr } = await interrupted(argv, folder, { text: 'measuring', signal })
    expect({ exitCode, last: stderr.trimEnd().split('\n').at(-1) }).toEqual({
      exitCode: 130,
      last: 'pare: interrupted. Nothing half written is left behind.',
    })
    expect(await folder.files()).toEqual(['model.onnx', 'val.npz'])
  })

  it('of a run leaves the results of an earlier run as they were, the verdict included', async () => {
    await using folder = await fixture()
    const argv = ['run', 'model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--max-drop', '0.02']
    expect(await pare([...argv, '--sparsity', '0.3'], { cwd: folder.path })).toMatchObject({ exitCode: 0 })
    const before = await contentOf(folder)
    const { exitCode } = await interrupted([...argv, '--sparsity', '0.95'], folder, { text: 'measuring', signal: 'SIGINT' })
    expect(exitCode).toBe(130)
    expect(await contentOf(folder)).toEqual(before)
  })

  it('by SIGKILL too, and the next run cleans up and takes over', async () => {
    await using folder = await fixture()
    const argv = ['run', 'model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--max-drop', '0.02']
    expect(await pare([...argv, '--sparsity', '0.3'], { cwd: folder.path })).toMatchObject({ exitCode: 0 })
    const before = await contentOf(folder)
    const { exitCode } = await interrupted([...argv, '--sparsity', '0.95'], folder, { text: 'measuring', signal: 'SIGKILL' })
    expect(exitCode).toBe(null)
    expect(await contentOf(folder)).toMatchObject(before)
    expect(await pare([...argv, '--sparsity', '0.3'], { cwd: folder.path })).toMatchObject({ exitCode: 0 })
    expect((await folder.files()).filter((name) => name.includes('.lock'))).toEqual([])
  })
})

async function contentOf(folder: Folder): Promise<Readonly<Record<string, string>>> {
  const names = await folder.files()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder.path, name), 'latin1')])),
  )
}

describe('the installed command', () => {
  it('works as a process, and ends when its reader leaves', async () => {
    const child = spawn(process.execPath, [BINARY, 'inspect', LLAMA])
    child.stdout.once('data', () => child.stdout.destroy())
    const exitCode = await new Promise((resolve) => child.on('close', resolve))
    expect(exitCode).toBe(0)
  })
})
