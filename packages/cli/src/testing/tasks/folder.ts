import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Task, TaskFiles } from './task.js'

export interface TaskFolder extends AsyncDisposable {
  readonly path: string
  readonly value: TaskFiles['value']
}

/** An empty folder with the model of a task and its data, and its config where it has one; gone afterwards. */
export async function taskFolder({ make, config }: Pick<Task, 'make' | 'config'>): Promise<TaskFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'pare-task-')))
  const { files, value } = await make()
  const all = { ...files, ...(config !== undefined && { 'pare.config.yaml': config }) }
  for (const [name, content] of Object.entries(all)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  return { path, value, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
