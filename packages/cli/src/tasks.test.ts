import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { withTables } from './options/tables.js'
import { npz } from './testing/tasks/files.js'
import { taskFolder } from './testing/tasks/folder.js'
import { taskTable } from './testing/tasks/table.js'
import { commandOf, HEAVY, LIGHT, type Task } from './testing/tasks/task.js'
import { TASKS } from './testing/tasks/tasks.js'
import { pare, pareInProcess } from './testing/terminal.js'

const DOC = await readFile(new URL('../../../docs/tasks.md', import.meta.url), 'utf8')

/** What the one command of a task comes to. */
async function outcome(task: Task, sparsity: string, { cwd, start }: { readonly cwd: string; readonly start: typeof pare }) {
  const [name, ...words] = commandOf(task, sparsity).split(' ')
  expect(name).toBe('pare')
  const { exitCode, json } = await start([...words, '--json'], { cwd })
  const document = json()
  if (document.error !== undefined) return { exitCode, reasons: [document.error] }
  const [model] = runResults.parse(document).models
  return { exitCode, reasons: model!.reasons, model }
}

describe.concurrent('one command judges', () => {
  it.each(TASKS)('$name', async (task) => {
    await using folder = await taskFolder(task)
    const light = await outcome(task, LIGHT, { cwd: folder.path, start: pare })
    expect([light.exitCode, light.reasons]).toEqual([0, []])
    // The same processes once more would show nothing new.
    const heavy = await outcome(task, HEAVY, { cwd: folder.path, start: pareInProcess })
    expect([heavy.exitCode, heavy.model?.verdict]).toEqual([1, 'fail'])
    expect(light.model?.metric).toBe(task.metric)
    if (folder.value !== undefined) expect(light.model?.reference.metrics[task.metric]).toBeCloseTo(folder.value, 4)
  })
})

describe('sounds in folders', () => {
  /** The same samples as arrays, in the order of their paths. */
  async function asArrays(folder: string): Promise<Uint8Array> {
    const files = (await readdir(join(folder, 'val'), { recursive: true })).filter((file) => file.endsWith('.wav')).sort()
    const waves = await Promise.all(
      files.map(async (file) => {
        const bytes = await readFile(join(folder, 'val', file))
        return Array.from({ length: 40 }, (_, t) => bytes.readInt16LE(44 + 2 * t) / 32768)
      }),
    )
    const labels = files.map((file) => ['bell', 'drum', 'horn'].indexOf(dirname(file)))
    return npz({
      x: { type: 'f4', shape: [files.length, 40], values: waves.flat() },
      label: { type: 'i8', shape: [files.length], values: labels },
    })
  }

  it.each([
    ['calibration', '--criterion wanda --calibrate'],
    ['training', '--criterion gradient --train'],
  ])('are %s data, and decide what the same samples as arrays decide', async (_, options) => {
    await using folder = await taskFolder(TASKS.find(({ name }) => name.startsWith('Sounds'))!)
    const cwd = folder.path
    await writeFile(join(cwd, 'arrays.npz'), await asArrays(cwd))
    const [ofSounds, ofArrays] = await Promise.all(
      ['val', 'arrays.npz'].map(async (data) => {
        const out = `out-${data}`
        const argv = ['prune', 'model.onnx', ...options.split(' '), data, '--sparsity', '0.5', '--out', out]
        const { exitCode, stderr } = await pare(argv, { cwd })
        expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' })
        return readFile(join(cwd, out, 'model.onnx'))
      }),
    )
    expect(ofSounds!.equals(ofArrays!)).toBe(true)
    expect(ofSounds!.equals(await readFile(join(cwd, 'model.onnx')))).toBe(false)
  })
})

describe('docs/tasks.md', () => {
  it('has the commands that are run here', async () => {
    expect(withTables(DOC, { tasks: await taskTable() })).toBe(DOC)
  })

  it('shows the config of the task that has one', () => {
    for (const { config } of TASKS) if (config !== undefined) expect(DOC).toContain(`\n\`\`\`yaml\n${config}\`\`\`\n`)
  })

  it('says how much is pruned', () => {
    expect(DOC).toContain(`\`--sparsity ${LIGHT}\``)
    expect(DOC).toContain(`\`--sparsity ${HEAVY}\``)
  })
})
