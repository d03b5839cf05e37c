import { basename } from 'node:path'
import { mayBeText } from '@pare/evaluate/choices'
import { present } from '@pare/onnx'
import type { EvaluateConfig } from '../options/data.js'
import { type FurtherConfig, INHERITED } from '../options/gate.js'
import { formatValue } from '../terminal/format.js'
import { type Check, placeIn } from './check.js'
import type { ModelEntry } from './config/entries.js'
import { firstMetric, withDemands } from './data/demands.js'
import { type EvaluationSettings, readEvaluation, readLimits } from './data/evaluation.js'
import type { ModelSettings } from './settings.js'
import type { Task } from './task.js'

/** Other data on which a pruned model is judged, too. */
export interface FurtherEvaluation extends Pick<Task, 'demands'> {
  /** Tells it from the others of its model. */
  readonly name: string
  readonly evaluation: EvaluationSettings
  /** Where the config says it. */
  readonly place: string
  readonly source: { readonly evaluate: EvaluateConfig; readonly gate: FurtherConfig['gate'] }
}

interface FurtherSource extends Pick<ModelEntry, 'path'> {
  readonly folder: ModelEntry['folder'] | undefined
  readonly settings: Pick<ModelSettings, 'evaluate' | 'evaluations'>
  readonly place: string
  /** Whether `evaluate` says what comes first. */
  readonly hasFirst: boolean
  /** What a search for the smallest looks at, absolute. Absent: nothing is searched for */
  readonly searched?: string | undefined
}

/** What `evaluations` of a model says. Options say nothing of their data, metrics and limits. */
export async function readFurther(
  { settings, path: model, folder, place: list, hasFirst, searched }: FurtherSource,
  check: Check,
): Promise<readonly FurtherEvaluation[]> {
  const { evaluate: first, evaluations = [] } = settings
  if (evaluations.length > 0 && !hasFirst && check.problems.length === 0)
    check.problems.push({
      place: list,
      message: 'says what else is measured, and evaluate does not say what is measured first.',
      hint: "move the first of them: evaluate: { data: 'val.npz', metric: 'accuracy' }",
    })
  const read: FurtherEvaluation[] = []
  for (const [index, { name, gate, ...fields }] of evaluations.entries()) {
    const place = `${list}[${index}]`
    if (fields.data === undefined) {
      check.problems.push({
        place: placeIn(place, 'data'),
        message: 'is missing.',
        hint: "name what to measure with, such as 'questions.jsonl'",
      })
      continue
    }
    const isText = mayBeText(fields.data)
    const evaluate = { ...inherited(first, isText), ...fields }
    const own: Check = { ...check, overrides: present({ evaluate: inherited(check.overrides.evaluate, isText) }) }
    const measured = await readEvaluation(evaluate, { place, model, folder }, own)
    const metric = measured?.request.metrics[0]
    const demands = await readLimits(gate, { metric, place: placeIn(place, 'gate'), model, check: own })
    const evaluation = await withDemands(measured, demands, { place: placeIn(place, 'gate'), check: own })
    if (evaluation === undefined) continue
    if (evaluation.request.data === searched)
      check.problems.push({
        place: placeIn(place, 'data'),
        message: `is ${formatValue(fields.data)}, by which the search chooses the model: judged on it, the model looks better than it is.`,
        hint: "give the search data of its own: search: { data: 'search.npz' }, or judge on other data",
      })
    read.push({ name: name ?? basename(fields.data), evaluation, demands, place, source: { evaluate, gate } })
  }
  return distinctly(read, check)
}

/** Two of one name are told apart by what they measure; else the user has to. */
function distinctly(read: readonly FurtherEvaluation[], { problems }: Check): readonly FurtherEvaluation[] {
  const isShared = (name: string) => read.filter((each) => each.name === name).length > 1
  const named = read.map((each) =>
    isShared(each.name) ? { ...each, name: `${each.name}, ${firstMetric(each.evaluation, each.demands)}` } : each,
  )
  const taken = new Set<string>()
  for (const { name, place } of named) {
    if (taken.has(name))
      problems.push({ place, message: `would be called '${name}', and so is another one.`, hint: 'give it a name of its own' })
    taken.add(name)
  }
  return named
}

function inherited(first: EvaluateConfig | undefined, isText = false): EvaluateConfig | undefined {
  if (first === undefined) return undefined
  const fields = [...INHERITED.always, ...(isText ? INHERITED.ofText : [])]
  return present(Object.fromEntries(fields.map((field) => [field, first[field]]))) as EvaluateConfig
}

/** A task of its own for each further evaluation: nothing is pruned for it. `locate` says where a place of the config is. */
export function furtherTasks(
  first: Task,
  further: readonly FurtherEvaluation[],
  locate: (place: string) => Task['at'],
): readonly Task[] {
  const { at: _, ...rest } = first
  return further.map(({ name, evaluation, demands, place, source }) => ({
    ...rest,
    ...{ first, name: `${first.name} (${name})`, evaluation, demands, smallest: undefined },
    ...present({ at: locate(place) }),
    source: { ...first.source, ...source },
  }))
}
