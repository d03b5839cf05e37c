import { resolve } from 'node:path'
import { applyPlan, type Plan } from '@pare/core'
import { formatBytes } from '@pare/gate'
import { type ModelFile, openModel } from '@pare/onnx'
import { openPlanned } from '../engine/folding.js'
import { engineOf } from '../engine/work.js'
import { filesOf, hashModel, type ModelHashes } from '../files/hash-model.js'
import { modelFiles, outputFiles } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { readPlan } from '../files/plan-files.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { bytesOf } from '../pipeline/facts.js'
import { writePruned } from '../pipeline/model.js'
import { describeProof, prove } from '../proof/prove.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

/** `pare replay PLAN MODEL`: the same bytes as when the plan was made. */
export async function replay(
  context: Context,
  [planPath = '', model = '']: readonly string[],
  values: OptionValues,
): Promise<number> {
  const { io, progress } = context
  const start = io.now()
  const { prove: proves = true, provider = 'cpu' } = overridesOf('replay', values)
  const path = resolve(io.cwd, model)
  const plan = await readPlan(resolve(io.cwd, planPath), planPath)
  const output = await outputFiles(path, { cwd: io.cwd, ...ownOf('replay', values) })
  const work = { signal: io.signal, progress, label: model, engine: engineOf(context, { provider }) }
  await using file = await openModel(path)
  const hashes = await refuseOther(file, plan, { model, planPath })
  await using opened = await openPlanned(path, { ...plan, shown: planPath }, work)
  const source = { path: showPath(path, io.cwd), bytes: bytesOf(file), ...hashes }
  await using publication = await Publication.open(output.folder, { owned: modelFiles(output.model) })
  await publication.protect([...filesOf(file), resolve(io.cwd, planPath)])
  const proofs = proves ? await prove({ model: opened.model, steps: plan.steps, seed: plan.seed }, work) : []
  const facts = await writePruned(
    await applyPlan(opened.model, plan),
    { path: await publication.staged(output.model), destination: output.model },
    work,
  )
  io.signal.throwIfAborted()
  await publishAll(publication, context)
  const result = { ...facts, path: showPath(output.model, io.cwd) }
  answer(context, {
    schemaVersion: 1,
    command: 'replay',
    model: source,
    plan: { path: planPath },
    output: result,
    ...(proofs.length > 0 && { proofs }),
    executionProvider: provider,
    durationMs: io.now() - start,
  })
  say(context, { written: result, proofs }, ({ written, proofs }) => {
    const proved = proofs.map((proof) => `\n  proof  ${describeProof(proof)}`)
    return `${written.path}  (${formatBytes(written.bytes)})\n  sha256 ${written.sha256}${proved.join('')}`
  })
  return EXIT.pass
}

async function refuseOther(file: ModelFile, plan: Plan, shown: { model: string; planPath: string }): Promise<ModelHashes> {
  await using hashing = hashModel(file)
  const hashes = await hashing.digest()
  const [expected, actual] = [plan.model, hashes].map(({ sha256, external = [] }) => [
    sha256,
    ...external.map((data) => data.sha256),
  ])
  const at = Array.from({ length: Math.max(expected!.length, actual!.length) }, (_, i) => i).find(
    (i) => expected![i] !== actual![i],
  )
  if (at === undefined) return hashes
  const what = at === 0 ? shown.model : `${hashes.external?.[at - 1]?.name ?? 'the external data'} of ${shown.model}`
  throw usage(
    `pare replay: ${shown.planPath} was made for ${plan.model.path} with SHA-256 ${short(expected![at])}, and ${what} has ${short(actual![at])}.`,
    `give the model that the plan was made for, or make a new plan: pare plan ${shown.model}`,
  )
}

const short = (hash: string | undefined) => (hash === undefined ? 'none' : `${hash.slice(0, 12)}…`)
