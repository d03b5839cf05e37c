import { atSizes, formatBytes, formatCount, share } from '@pare/gate'
import { present } from '@pare/onnx'
import { describeCalibration } from '../engine/calibrate.js'
import { summarizeFolded } from '../engine/folded-weights.js'
import { workOn } from '../engine/work.js'
import { companionsOf, outputFiles, trialsFolder } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import { type CopyFacts, FolderCopy, folderLines, refuseForeign } from '../folder/folder-copy.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { cardOf } from '../pipeline/facts/course.js'
import { changed, removedUnits } from '../pipeline/facts/removed-units.js'
import { describeSearch } from '../pipeline/facts/search.js'
import { type PrunedModel, pruneModel } from '../pipeline/model.js'
import { PrunedModels } from '../pipeline/pruned-models.js'
import { describeNothing, type SmallestResult, smallestResult } from '../pipeline/smallest.js'
import { describeBlocks } from '../pipeline/steps/blocks.js'
import { openMasksPlace, shownMasks } from '../pipeline/steps/masks.js'
import { describeQuantisation } from '../pipeline/steps/quantise.js'
import { describeRepair } from '../pipeline/steps/repair.js'
import { describeTraining } from '../pipeline/steps/retrain.js'
import { describeStorage } from '../pipeline/steps/storage.js'
import { describeProof } from '../proof/prove.js'
import { ofTask, refuseSeveral } from '../settings/task-problems.js'
import { readFolderTasks } from '../settings/tasks.js'
import { chosenTask, findSmallest, type SmallestSearchFacts } from '../smallest/find-smallest.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { smallestLines } from '../views/smallest.js'

/** `pare prune MODEL`: one step, from the options, or those of a preset. */
export async function prune(context: Context, [model = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  const start = io.now()
  await using read = await readFolderTasks('prune', model, { values, cwd: io.cwd })
  const { tasks, engine } = read
  const { out, masks: masksFile } = ownOf('prune', values)
  if (masksFile !== undefined) refuseSeveral(tasks, { command: 'prune', why: `--masks ${masksFile} is one file` })
  const outputs = await Promise.all(tasks.map((task) => outputFiles(task, { cwd: io.cwd, out })))
  const { folder, copy: place } = outputs[0]!
  if (place !== undefined) await refuseForeign(place)
  if (place !== undefined) context.progress.note(`model: ${place.folder.choice}`)
  const copy = place && new FolderCopy(place)
  await using publication = await Publication.open(folder, { owned: outputs.flatMap(companionsOf) })
  await using masks = await openMasksPlace(masksFile, { cwd: io.cwd, folder, publication })
  const all: Made[] = []
  const made = new PrunedModels()
  for (const [index, task] of tasks.entries()) {
    const output = outputs[index]!
    const own = made.asPruned(task)
    const work = workOn(task, engine, context)
    const search = own.smallest && (await findSmallest({ task: own, smallest: own.smallest, folder: trialsFolder(output) }, work))
    if (search !== undefined && search.chosen === undefined) return nothingPasses(search, { context, start })
    const chosen = search?.chosen === undefined ? own : await chosenTask(own, own.smallest!, search.chosen)
    const pruned = await ofTask(task, tasks, () => pruneModel(chosen, { output, publication, copy, ...masks.place }, work))
    made.keepEncoder(task, pruned.staged)
    copy?.describe(...cardOf(chosen, pruned, []))
    all.push({ pruned, ...present({ smallest: search && smallestResult(search, io.cwd) }) })
  }
  const copied = await copy?.stage(publication)
  await masks.publish()
  await publishAll(publication, context)
  for (const warning of copied?.warnings ?? []) context.progress.note(`warning: ${warning}`)
  answer(context, {
    schemaVersion: 1,
    command: 'prune',
    ...(all.length === 1 ? documentOf(all[0]!, io.cwd) : { models: all.map((made) => documentOf(made, io.cwd)) }),
    ...(copied !== undefined && folderDocument(copied, all, io.cwd)),
    executionProvider: engine.provider ?? 'cpu',
    durationMs: io.now() - start,
    peakMemoryBytes: peakMemory(),
  })
  say(context, all, (shown, columns) =>
    [
      ...(copied === undefined ? [] : folderLines(copied, io.cwd)),
      ...shown.flatMap(({ pruned, smallest }) => [
        summary(pruned, io.cwd),
        ...smallestLines(present({ smallest }), columns),
        ...unjudged(smallest),
      ]),
    ].join('\n'),
  )
  return EXIT.pass
}

/** A model, and how the smallest was looked for where that was wanted. */
interface Made {
  readonly pruned: PrunedModel
  readonly smallest?: SmallestResult
}

/** Nothing is written of a folder of which a model finds none that passes. */
function nothingPasses(
  search: SmallestSearchFacts,
  { context, start }: { readonly context: Context; readonly start: number },
): number {
  const { io } = context
  const smallest = smallestResult(search, io.cwd)
  answer(context, { schemaVersion: 1, command: 'prune', smallest, durationMs: io.now() - start })
  say(context, search, (shown, columns) =>
    [`${describeNothing(shown)} Nothing is written.`, ...smallestLines({ smallest }, columns)].join('\n'),
  )
  return EXIT.fail
}

/** What a search on these samples leaves open. */
function unjudged(smallest: SmallestResult | undefined): readonly string[] {
  return smallest === undefined
    ? []
    : ['  Of many candidates the one that just passes is a lucky one: pare run judges it on samples that the search did not see.']
}

/** Of a folder: it is the output, with what its files say now, and what did not go along. */
function folderDocument({ path, edits, left, warnings }: CopyFacts, all: readonly Made[], cwd: string) {
  const [first] = all
  const { output } = documentOf(first!, cwd)
  const single = all.length === 1 && { ...output, model: output.path }
  const more = [...first!.pruned.warnings, ...warnings]
  return {
    output: { ...single, path: showPath(path, cwd), edits, left },
    ...(all.length === 1 && more.length > 0 && { warnings: more }),
    ...(all.length > 1 && warnings.length > 0 && { warnings }),
  }
}

/** What --json prints of a pruned model. */
function documentOf({ pruned, smallest }: Made, cwd: string) {
  const { model, output, plan, parameters, macs, groups, declined, folded, proofs, warnings } = pruned
  const { model: _, ...sparsity } = pruned.sparsity
  const shown = <File extends { readonly path: string }>(file: File) => ({ ...file, path: showPath(file.path, cwd) })
  const layers = pruned.layers.map(({ name, op, shape, sparsity }) => ({ name, op, shape, sparsity }))
  return {
    device: pruned.device,
    model: shown(model),
    output: shown(output),
    plan: shown(plan),
    ...shownMasks(pruned, cwd),
    ...present({ calibration: pruned.calibration }),
    sparsity,
    parameters,
    macs,
    layers,
    groups,
    declined,
    ...(folded.length > 0 && { folded }),
    ...(proofs.length > 0 && { proofs }),
    ...(pruned.searches.length > 0 && { searches: pruned.searches }),
    ...present({ repair: pruned.repair, quantised: pruned.quantised, stored: pruned.stored }),
    ...(pruned.blocks.length > 0 && { blocks: pruned.blocks }),
    ...(pruned.trainings.length > 0 && { trainings: pruned.trainings }),
    ...(warnings.length > 0 && { warnings }),
    ...present({ smallest }),
  }
}

/** Most memory this process ever had, in bytes. */
function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024
}

function summary(pruned: PrunedModel, cwd: string): string {
  const { model, output, plan, declined } = pruned
  const lines = [
    `${showPath(output.path, cwd)}  (${formatBytes(output.bytes)}; was ${formatBytes(model.bytes)})`,
    ...(pruned.folded.length === 0 ? [] : [`  folded      ${summarizeFolded(pruned.folded)}`]),
    ...(pruned.layers.length > 0 ? maskedLines(pruned) : []),
    ...(pruned.cut.length > 0 ? cutLines(pruned) : []),
    ...proofLines(pruned),
    ...pruned.searches.map((search) => `  searched    ${describeSearch(search)}`),
    ...(pruned.repair === undefined ? [] : [`  repair      ${describeRepair(pruned.repair)}`]),
    ...pruned.blocks.map((blocks) => `  blocks      ${describeBlocks(blocks)}`),
    ...pruned.trainings.map((training) => `  retrained   ${describeTraining(training)}`),
    ...(pruned.quantised === undefined ? [] : [`  quantised   ${describeQuantisation(pruned.quantised)}`]),
    ...(pruned.stored === undefined ? [] : [`  stored      ${describeStorage(pruned.stored)}`]),
    ...(pruned.calibration === undefined ? [] : [`  calibrated  ${describeCalibration(pruned.calibration)}`]),
    `  plan        ${showPath(plan.path, cwd)}`,
    ...(pruned.masks === undefined ? [] : [`  masks       ${showPath(pruned.masks.path, cwd)}`]),
  ]
  if (declined.length > 0) {
    const structures = [...new Set(declined.map(({ structure }) => structure))].join(', ')
    lines.push(
      `  ${formatCount(declined.length)} of ${structures} were left alone: pare inspect ${showPath(model.path, cwd)} says why`,
    )
  }
  return lines.join('\n')
}

function maskedLines({ sparsity, parameters, layers }: PrunedModel): string[] {
  return [
    `  sparsity    ${share(sparsity.before)} → ${share(sparsity.after)} of ${layers.length} weights`,
    `  parameters  ${formatCount(parameters.nonzero)} of ${formatCount(parameters.after)} are not zero`,
  ]
}

function cutLines({ cut, parameters, macs }: PrunedModel): string[] {
  return [
    `  removed     ${removedUnits(cut)}`,
    `  parameters  ${changed(parameters)}`,
    ...(macs === null ? [] : [`  MACs        ${changed(macs)}${atSizes(macs.sizes)}`]),
  ]
}

function proofLines({ cut, permuted, proofs }: PrunedModel): string[] {
  if (cut.length === 0 && permuted === 0) return []
  if (proofs.length === 0) return ['  proof       none: it was not wanted']
  return proofs.map((proof) => `  proof       ${describeProof(proof)}`)
}
