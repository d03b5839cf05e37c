import { share } from '@pare/gate'
import { present } from '@pare/onnx'
import { workOn } from '../engine/work.js'
import { outputFiles } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { payloadPath } from '../files/plan-files.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import { FolderCopy } from '../folder/folder-copy.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { removedUnits } from '../pipeline/facts/removed-units.js'
import { type PlannedModel, planModel } from '../pipeline/model.js'
import { openMasksPlace, shownMasks } from '../pipeline/steps/masks.js'
import type { Task } from '../settings/task.js'
import { ofTask, refuseSeveral } from '../settings/task-problems.js'
import { readFolderTasks } from '../settings/tasks.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'

/** `pare plan MODEL`: what prune would do, written down, for each model of a folder. */
export async function plan(context: Context, [model = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  await using read = await readFolderTasks('plan', model, { values, cwd: io.cwd })
  const { tasks, engine } = read
  const { out, masks: masksFile } = ownOf('plan', values)
  if (masksFile !== undefined) refuseSeveral(tasks, { command: 'plan', why: `--masks ${masksFile} is one file` })
  const outputs = await Promise.all(tasks.map((task) => outputFiles(task, { cwd: io.cwd, out })))
  const { folder, copy: place } = outputs[0]!
  const copy = place && new FolderCopy(place)
  if (place !== undefined) context.progress.note(`model: ${place.folder.choice}`)
  const owned = outputs.flatMap((output) => [output.plan, payloadPath(output.plan)])
  await using publication = await Publication.open(folder, { owned })
  await using masks = await openMasksPlace(masksFile, { cwd: io.cwd, folder, publication })
  const all: MadePlan[] = []
  for (const [i, task] of tasks.entries()) {
    const output = outputs[i]!
    const to = { output, publication, copy, ...masks.place }
    const facts = await ofTask(task, tasks, () => planModel({ ...task, prove: false }, to, workOn(task, engine, context)))
    all.push({ task, facts, shown: showPath(output.plan, io.cwd) })
  }
  io.signal.throwIfAborted()
  await masks.publish()
  await publishAll(publication, context)
  const executionProvider = engine.provider ?? 'cpu'
  const documents = all.map((made) => documentOf(made, io.cwd))
  const document = documents.length === 1 ? documents[0]! : { models: documents }
  answer(context, { schemaVersion: 1, command: 'plan', ...document, executionProvider })
  say(
    context,
    all.map(({ shown, task, facts }) => ({
      shown,
      course: courseOf(facts),
      model: task.folder === undefined ? task.name : model,
    })),
    (plans) =>
      plans.map(({ shown, course, model }) => `${shown}\n  ${course}\n  apply it: pare replay ${shown} ${model}`).join('\n'),
  )
  return EXIT.pass
}

interface MadePlan {
  readonly task: Task
  readonly facts: PlannedModel
  /** The plan as it is shown. */
  readonly shown: string
}

/** What it does to the model, in a few words. */
function courseOf({ cut, layers, sparsity }: PlannedModel): string {
  const masked = `sparsity ${share(sparsity.before)} → ${share(sparsity.after)}`
  if (cut.length === 0) return masked
  return layers.length === 0 ? `removes ${removedUnits(cut)}` : `removes ${removedUnits(cut)}; ${masked}`
}

/** What --json prints of a plan. */
function documentOf({ task, facts, shown }: MadePlan, cwd: string) {
  const { calibration, sparsity, groups, searches, repair, trainings, declined, device, warnings } = facts
  return {
    model: { ...facts.model, path: task.name },
    plan: { path: shown },
    ...shownMasks(facts, cwd),
    ...present({ calibration }),
    sparsity,
    groups,
    ...(searches.length > 0 && { searches }),
    ...present({ repair }),
    ...(trainings.length > 0 && { trainings }),
    declined,
    device,
    ...(warnings.length > 0 && { warnings }),
  }
}
