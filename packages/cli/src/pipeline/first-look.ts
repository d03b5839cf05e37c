import type { ChildOptions, FirstLook, LookRequest } from '@pare/evaluate'
import { childOf, loaderFor, type Work } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { requestOf } from '../settings/data/partner.js'
import type { Task } from '../settings/task.js'
import { Failure, isPareError, type Problem } from '../terminal/failure.js'

/** What a file of data is for. */
export type DataPurpose = 'evaluation' | 'search' | 'calibration' | 'training'

/** What was seen of the data of one model. */
export interface LookedAt {
  readonly task: Task
  readonly purpose: DataPurpose
  /** As messages name it. */
  readonly data: string
  /** Undefined: the model does not run here, which its own run tells. */
  readonly look: Look | undefined
  /** Why the model does not run here. */
  readonly failure?: Failed
}

type Failed = Error & { readonly hint?: string | undefined }

type Look = FirstLook & { readonly peakMemoryBytes: number }

type LookWork = Pick<Work, 'signal' | 'progress' | 'engine' | 'cwd'>

/**
 * Looks at all data of all tasks before anything is done with them: opens them for the model, reads samples and labels, runs the model on the first and the last of them
 * and reads what comes out as the metrics will. Throws one Failure with everything that is wrong.
 */
export async function lookFirst(tasks: readonly Task[], work: LookWork): Promise<readonly LookedAt[]> {
  const looks = new Map<string, Promise<Look | Failed>>()
  const seen: LookedAt[] = []
  for (const task of tasks) {
    for (const { purpose, request, limits } of requestsOf(task)) {
      const key = JSON.stringify(request)
      const own = looks.get(key) ?? lookAt(request, limits, { ...work, label: task.name })
      looks.set(key, own)
      const outcome = await own
      const view = outcome instanceof Error ? { look: undefined, failure: outcome } : { look: outcome }
      seen.push({ task, purpose, data: showPath(request.data, work.cwd), ...view })
    }
  }
  // Of models that are measured as one, both have the same look.
  const isFirst = ({ look }: LookedAt, at: number) => seen.findIndex((each) => each.look === look) === at
  const wrong = seen.filter((each, at) => each.look?.problem !== undefined && isFirst(each, at))
  if (wrong.length > 0) throw failureOf(wrong, ({ look }) => look?.problem)
  return seen
}

/** Why a drop on these data would say nothing. Empty where they are not what the gate judges by, or the gate allows that. */
export function doubtsOf({ task: { demands = [] }, purpose, look }: LookedAt): readonly string[] {
  const isAllowed = demands.length > 0 && demands.every(({ allowWorthlessReference }) => allowWorthlessReference === true)
  return purpose !== 'evaluation' || isAllowed ? [] : (look?.doubts ?? [])
}

/** Throws one Failure with every model that does not run here. */
export function refuseFailed(looks: readonly LookedAt[]): void {
  const failed = looks.filter(({ failure }) => failure !== undefined)
  if (failed.length > 0) throw failureOf(failed, ({ failure }) => failure)
}

interface Asked {
  readonly purpose: DataPurpose
  readonly request: LookRequest
  readonly limits: Pick<ChildOptions, 'timeoutMs' | 'memoryLimitBytes'>
}

function requestsOf({
  path: model,
  first,
  evaluation,
  smallest = first?.smallest,
  calibration,
  training,
}: Task): readonly Asked[] {
  const asked: Asked[] = []
  if (evaluation !== undefined)
    asked.push({ purpose: 'evaluation', request: requestOf(evaluation, model), limits: evaluation.limits })
  const search = smallest?.evaluation
  if (search !== undefined && search.request.data !== evaluation?.request.data)
    asked.push({ purpose: 'search', request: requestOf(search, model), limits: search.limits })
  if (calibration !== undefined && calibration.statistics === undefined) {
    const { shard: _, samples: __, original: ___, ...run } = calibration.run
    asked.push({ purpose: 'calibration', request: { ...run, model, metrics: [] }, limits: {} })
  }
  if (training !== undefined) {
    const { loss: _, original: __, output: ___, ...run } = training
    asked.push({ purpose: 'training', request: { ...run, model, metrics: [] }, limits: {} })
  }
  // What only one file holds cannot be in another one.
  return asked.length === 1 ? asked : asked.map((each) => ({ ...each, request: { ...each.request, fingerprints: true } }))
}

/** What is seen of one file of data, or why the model does not run. */
export async function lookAt(
  request: LookRequest,
  limits: Asked['limits'],
  { signal, progress, engine, label }: LookWork & { readonly label: string },
): Promise<Look | Failed> {
  const { lookAtData } = await import('@pare/evaluate')
  const activity = progress.begin(`${label}: looking at the data`)
  const loader = loaderFor([request.data, ...(request.mixture ?? []).map(({ data }) => data)])
  try {
    return await lookAtData(request, { ...limits, ...childOf(engine), ...loader, signal })
  } catch (error) {
    signal.throwIfAborted()
    // The model does not open, or ends the process: that is no matter of the data, and told where it is run.
    if (isPareError(error)) return error
    throw error
  } finally {
    activity.end()
  }
}

function failureOf(wrong: readonly LookedAt[], problemOf: (each: LookedAt) => FirstLook['problem'] | Failed): Failure {
  const problems = wrong.map((each): Problem => {
    const { task, purpose } = each
    const { message, hint } = problemOf(each)!
    return { place: `${task.name}, ${purpose} data`, message, ...(hint !== undefined && { hint }) }
  })
  const kind = wrong.some(({ look }) => look?.problem?.untrusted) ? 'untrusted' : 'usage'
  const [first] = problems
  if (problems.length === 1) return new Failure(kind, `pare: ${first!.place}: ${first!.message}`, { hint: first!.hint, problems })
  const lines = problems.map(
    ({ place, message, hint }) => `  ${place}: ${message}${hint === undefined ? '' : `\n    hint: ${hint}`}`,
  )
  return new Failure(kind, `pare: ${problems.length} problems with the data:\n${lines.join('\n')}`, { problems })
}
