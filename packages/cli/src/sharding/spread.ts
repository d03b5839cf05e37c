import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { present } from '@pare/onnx'
import { planRun, type RunPlan, type SpreadModel } from '@pare/shards'
import { decisiveOf } from '../lockfile/decisive.js'
import { isFurther } from '../pipeline/pruned-models.js'
import type { OpenedRun } from '../pipeline/run.js'
import type { Task } from '../settings/task.js'

/** How a run is spread over machines, and which task each piece is of. */
export interface SpreadRun extends RunPlan {
  readonly tasks: ReadonlyMap<string, Task>
  /** Models whose outcome is known already, by name: nobody has to do them. */
  readonly carried: readonly string[]
  /** Models of which no earlier run says how long they take. */
  readonly guessed: readonly string[]
}

/** The same for all machines that have the same files. */
export async function spreadRun({ tasks, carried, engine, ledger }: OpenedRun, shards: number): Promise<SpreadRun> {
  const open = tasks.filter((task) => !carried.has(task))
  const names = namesOf(tasks)
  const models: SpreadModel[] = []
  const guessed: string[] = []
  for (const task of open) {
    const model = names.get(task)!
    const cost = ledger.costOf(task)
    if (cost === undefined) guessed.push(model)
    const decisive = Object.entries(await decisiveOf(task, engine)).sort(([a], [b]) => (a < b ? -1 : 1))
    models.push({
      ...{ model, cost: cost ?? (await guessedCost(task)), mostParts: staysWhole(task, tasks) ? 1 : shards },
      sha256: createHash('sha256')
        .update(JSON.stringify([model, decisive]))
        .digest('hex'),
      ...present({ set: setOf(task, tasks) }),
    })
  }
  const plan = planRun(models, shards)
  const carriedNames = [...carried.keys()].map((task) => names.get(task)!)
  return { ...plan, tasks: new Map(tasks.map((task) => [names.get(task)!, task])), carried: carriedNames, guessed }
}

/** One model may be pruned in several ways: each has a name of its own. */
function namesOf(tasks: readonly Task[]): ReadonlyMap<Task, string> {
  const counts = new Map<string, number>()
  return new Map(
    tasks.map((task) => {
      const count = (counts.get(task.name) ?? 0) + 1
      counts.set(task.name, count)
      return [task, count === 1 ? task.name : `${task.name} (${count})`]
    }),
  )
}

/** What is done on one machine: the models of a folder, and a model with all that it is judged on. */
function setOf(task: Task, tasks: readonly Task[]): string | undefined {
  return task.folder?.path ?? (isJudgedTwice(task, tasks) ? task.path : undefined)
}

function isJudgedTwice(task: Task, tasks: readonly Task[]): boolean {
  return isFurther(task) || tasks.some(({ first }) => first === task)
}

/** A model whose evaluation is looked at as a whole before all of it is over, a pair of decoders, which are one model on one machine only, and an encoder with its decoder, of which one is measured with the other, and a model that is judged on several files of data. */
function staysWhole(task: Task, tasks: readonly Task[]): boolean {
  const { evaluation, smallest, baselines, pair } = task
  return (
    isJudgedTwice(task, tasks) ||
    pair !== undefined ||
    evaluation?.partner !== undefined ||
    evaluation === undefined ||
    smallest !== undefined ||
    (Array.isArray(baselines) && baselines.length > 0)
  )
}

/** Rough, and only good to compare models with each other. */
const [BYTES_A_SECOND, START_SECONDS] = [20e6, 2]

async function guessedCost({ path, evaluation, training }: Task): Promise<SpreadModel['cost']> {
  const seconds = START_SECONDS + (await stat(path)).size / BYTES_A_SECOND
  return { prune: training === undefined ? seconds : 20 * seconds, measure: evaluation === undefined ? 0 : 2 * seconds }
}
