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
import { planModel } from '../pipeline/model.js'
import { openMasksPlace, shownMasks } from '../pipeline/steps/masks.js'
import { readTask } from '../settings/tasks.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'

/** `pare plan MODEL`: what prune would do, written down. */
export async function plan(context: Context, [model = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  await using read = await readTask('plan', model, { values, cwd: io.cwd })
  const { task, engine } = read
  const { out, masks: masksFile } = ownOf('plan', values)
  const output = await outputFiles(task, { cwd: io.cwd, out })
  const copy = output.copy && new FolderCopy(output.copy)
  if (task.folder !== undefined) context.progress.note(`model: ${task.folder.choice}`)
  await using publication = await Publication.open(output.folder, { owned: [output.plan, payloadPath(output.plan)] })
  await using masks = await openMasksPlace(masksFile, { cwd: io.cwd, folder: output.folder, publication })
  const place = { output, publication, copy, ...masks.place }
  const facts = await planModel({ ...task, prove: false }, place, workOn(task, engine, context))
  io.signal.throwIfAborted()
  await masks.publish()
  await publishAll(publication, context)
  const { calibration, sparsity, groups, searches, repair, trainings, declined, device, warnings } = facts
  const shown = showPath(output.plan, io.cwd)
  answer(context, {
    schemaVersion: 1,
    command: 'plan',
    model: { ...facts.model, path: task.name },
    plan: { path: shown },
    ...shownMasks(facts, io.cwd),
    ...present({ calibration }),
    sparsity,
    groups,
    ...(searches.length > 0 && { searches }),
    ...present({ repair }),
    ...(trainings.length > 0 && { trainings }),
    declined,
    device,
    executionProvider: engine.provider ?? 'cpu',
    ...(warnings.length > 0 && { warnings }),
  })
  const course = `sparsity ${share(sparsity.before)} → ${share(sparsity.after)}`
  say(
    context,
    { plan: shown, model: task.pair === undefined ? task.name : model },
    ({ plan, model }) => `${plan}\n  ${course}\n  apply it: pare replay ${plan} ${model}`,
  )
  return EXIT.pass
}
