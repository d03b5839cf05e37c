import { findMetric } from '@pare/evaluate'
import { markdown } from '../../options/tables.js'
import { commandOf, type Task } from './task.js'
import { TASKS } from './tasks.js'

/** The table of `docs/tasks.md`. */
export async function taskTable(): Promise<string> {
  const rows = await Promise.all(TASKS.map(async (task) => [task.name, task.model, task.data, typed(task), await limit(task)]))
  return markdown(['task', 'the model gives', 'data', 'command', 'red where'], rows)
}

function typed(task: Task): string {
  const command = `\`npx ${commandOf(task)}\``
  return task.config === undefined ? command : `${command}, with [this config](#a-config-with-slices)`
}

/** What the gate allows where nobody says otherwise. */
async function limit({ metric, config }: Task): Promise<string> {
  if (config !== undefined) return 'any demand of the list is not met'
  const { better, bounded } = await findMetric(metric, {})
  const way = better === 'higher' ? 'falls' : 'rises'
  return `\`${metric}\` ${way} by more than ${bounded ? '0.01' : '1 % of itself'}`
}
