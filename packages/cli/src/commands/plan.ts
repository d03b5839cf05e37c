import { resolve } from 'node:path'
import { planOf } from '@pare/core'
import { share } from '@pare/gate'
import { openModel } from '@pare/onnx'
import { engineOf } from '../engine/work.js'
import { filesOf, hashModel } from '../files/hash-model.js'
import { outputFiles } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { payloadPath, writePlan } from '../files/plan-files.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import { factsOf } from '../pipeline/facts.js'
import { pruneInStages } from '../pipeline/stages.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import type { PruneOptions } from './prune.js'
import { readJob, readSteps } from './step-options.js'

/** `pare plan MODEL`: what prune would do, written down. */
export async function plan(context: Context, model: string, options: PruneOptions): Promise<number> {
  const { io, progress } = context
  const path = resolve(io.cwd, model)
  const steps = await readSteps(options, io.cwd)
  const parts = await readJob(options, { steps, cwd: io.cwd, command: 'plan' })
  const { seed = 1, provider = 'cpu', device = 'auto' } = options
  const output = await outputFiles(path, { cwd: io.cwd, out: options.out })
  await using file = await openModel(path)
  await using hashing = hashModel(file)
  const work = { signal: io.signal, progress, label: model }
  const job = {
    ...{
      ...parts,
      steps,
      seed,
      prove: false,
      cwd: io.cwd,
      engine: engineOf(context, { provider, device }),
      hashes: () => hashing.digest(),
    },
    state: output.plan.replace(/(\.plan\.json)?$/, '.training'),
  }
  const source = { path: model, bytes: file.bytes, ...(await hashing.digest()) }
  await using publication = await Publication.open(output.folder, { owned: [output.plan, payloadPath(output.plan)] })
  await publication.protect(filesOf(file))
  const staged = await pruneInStages(file.model, job, work)
  const { pruned, planned, device: used, calibration, repair, trainings, warnings } = staged
  for (const warning of warnings) progress.note(`warning: ${model}: ${warning}`)
  await writePlan(await publication.staged(output.plan), planOf(source, seed, staged.steps, calibration))
  io.signal.throwIfAborted()
  publication.spend(staged.states)
  await publishAll(publication, context)
  const { sparsity, groups } = await factsOf({ model: file.model, pruned, planned, retrained: trainings.length > 0 })
  const shown = showPath(output.plan, io.cwd)
  answer(context, {
    schemaVersion: 1,
    command: 'plan',
    model: source,
    plan: { path: shown },
    ...(calibration && { calibration }),
    sparsity,
    groups,
    ...(repair && { repair }),
    ...(trainings.length > 0 && { trainings }),
    declined: planned.declined,
    device: used,
    executionProvider: provider,
    ...(warnings.length > 0 && { warnings }),
  })
  const went = `sparsity ${share(sparsity.before)} → ${share(sparsity.after)}`
  say(context, { plan: shown, model }, ({ plan, model }) => `${plan}\n  ${went}\n  apply it: pare replay ${plan} ${model}`)
  return EXIT.pass
}
