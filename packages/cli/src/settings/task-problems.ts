import { PareError } from '@pare/onnx'
import type { CommandName } from '../options/commands.js'
import { Failure, isPareError, type Problem, usage } from '../terminal/failure.js'
import { formatProblems } from './config/config-problems.js'
import type { Task } from './task.js'

/** A problem at the top level of a config shows with each model that inherits it, and is told once. */
export function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.place}\n${problem.message}`, problem])).values()]
}

export function noModels(shown: string | undefined): Problem {
  return shown === undefined
    ? { place: '', message: 'no model to run, and no pare.config.* here or above.', hint: 'write a config with: pare init' }
    : { place: 'models', message: 'is missing or empty: nothing to run.', hint: "name a model: models: [{ path: 'model.onnx' }]" }
}

/** One problem of the options is a sentence; several, and those of a config, are a list. */
export function invalid(
  problems: readonly Problem[],
  { shown, asked }: { readonly shown: string | undefined; readonly asked: string },
): Failure {
  const [{ place, message, hint }] = problems as [Problem]
  if (shown === undefined && problems.length === 1) {
    return new Failure('usage', `pare ${asked}: ${place === '' ? '' : `${place}: `}${message}`, { hint, problems })
  }
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  return new Failure('usage', `pare ${asked}: ${count} in ${shown ?? 'the options'}:\n${formatProblems(problems)}`, {
    problems,
  })
}

/** Throws a Failure where a folder holds several models, and `why` that is too many. */
export function refuseSeveral(
  tasks: readonly Task[],
  { command, why }: { readonly command: CommandName; readonly why: string },
): void {
  const [first, second] = tasks
  if (second === undefined) return
  throw usage(
    `pare ${command}: ${why}, and ${first!.folder?.name} holds ${tasks.length} models that belong together: ${first!.folder?.models.join(', ')}.`,
    `name one of them: ${first!.name}`,
  )
}

/** What `work` gives. Where several models are worked on, the PareError that it throws says of which it is. */
export async function ofTask<Result>(task: Task, tasks: readonly Task[], work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (tasks.length === 1 || !isPareError(error) || error instanceof Failure || error.message.includes(task.name)) throw error
    throw new PareError(`${task.name}: ${error.message}`, { hint: error.hint?.replace('MODEL', task.name), cause: error })
  }
}
