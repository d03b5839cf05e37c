import { resolve } from 'node:path'
import { applyPlan, planOf } from '@pare/core'
import { openModel } from '@pare/onnx'
import { answer, type Context, say } from '../context.js'
import { EXIT } from '../exit.js'
import { factsOf } from '../facts.js'
import { formatPercent } from '../format.js'
import { hashModel } from '../hash-model.js'
import { outputFiles, withFolder } from '../output.js'
import { showPath } from '../paths.js'
import { writePlan } from '../plan-files.js'
import { decide } from '../prune.js'
import { readStepData, readSteps } from '../step-options.js'
import type { PruneOptions } from './prune.js'

/** `pare plan MODEL`: what prune would do, written down. */
export async function plan(context: Context, model: string, options: PruneOptions): Promise<number> {
  const { io, progress } = context
  const path = resolve(io.cwd, model)
  const steps = await readSteps(options, io.cwd)
  const data = await readStepData(options, { steps, cwd: io.cwd, command: 'plan' })
  const seed = options.seed ?? 1
  const output = await outputFiles(path, { cwd: io.cwd, out: options.out })
  await using file = await openModel(path)
  await using hashing = hashModel(file)
  const device = options.device ?? 'auto'
  const decision = { steps, seed, device, cwd: io.cwd, hashes: () => hashing.digest(), ...(data && { calibration: data }) }
  const { planned, device: used, calibration, warnings } = await decide(file.model, decision, { signal: io.signal, progress, label: model })
  for (const warning of warnings) progress.note(`warning: ${model}: ${warning}`)
  const source = { path: model, bytes: file.bytes, ...(await hashing.digest()) }
  await withFolder(output.folder, () => writePlan(output.plan, planOf(source, seed, planned.steps, calibration)))
  const { sparsity, groups } = await factsOf({
    model: file.model,
    pruned: await applyPlan(file.model, { seed, steps: planned.steps }),
    planned,
  })
  const shown = showPath(output.plan, io.cwd)
  answer(context, {
    schemaVersion: 1,
    command: 'plan',
    device: used,
    model: source,
    plan: { path: shown },
    ...(calibration && { calibration }),
    sparsity,
    groups,
    declined: planned.declined,
    ...(warnings.length > 0 && { warnings }),
  })
  say(
    context,
    `${shown}\n  sparsity ${formatPercent(sparsity.before)} → ${formatPercent(sparsity.after)}\n  apply it: pare replay ${shown} ${model}`,
  )
  return EXIT.pass
}
