import { readFile } from 'node:fs/promises'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { withTables } from './options/tables.js'
import { taskFolder } from './testing/tasks/folder.js'
import { taskTable } from './testing/tasks/table.js'
import { commandOf, HEAVY, LIGHT, type Task } from './testing/tasks/task.js'
import { TASKS } from './testing/tasks/tasks.js'
import { pare } from './testing/terminal.js'

const DOC = await readFile(new URL('../../../docs/tasks.md', import.meta.url), 'utf8')

/** What the one command of a task comes to. */
async function outcome(task: Task, sparsity: string, cwd: string) {
  const [name, ...words] = commandOf(task, sparsity).split(' ')
  expect(name).toBe('pare')
  const { exitCode, json } = await pare([...words, '--json'], { cwd })
  const document = json()
  if (document.error !== undefined) return { exitCode, reasons: [document.error] }
  const [model] = runResults.parse(document).models
  return { exitCode, reasons: model!.reasons, model }
}

describe.concurrent('one command judges', () => {
  it.each(TASKS)('$name', async (task) => {
    await using folder = await taskFolder(task)
    const light = await outcome(task, LIGHT, folder.path)
    expect([light.exitCode, light.reasons]).toEqual([0, []])
    const heavy = await outcome(task, HEAVY, folder.path)
    expect([heavy.exitCode, heavy.model?.verdict]).toEqual([1, 'fail'])
    expect(light.model?.metric).toBe(task.metric)
    if (folder.value !== undefined) expect(light.model?.reference.metrics[task.metric]).toBeCloseTo(folder.value, 4)
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
