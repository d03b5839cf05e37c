import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applyPlan, gatePlan, type PlanStep } from '@pare/core'
import type { Difference } from '@pare/evaluate'
import { type Model, writeModel } from '@pare/onnx'
import { withComparedOutputs } from './compared-outputs.js'
import { Failure, isPareError } from './failure.js'
import { toleranceOf } from './tolerance.js'
import { widen } from './widen.js'
import type { Engine, Work } from './work.js'

/** How far a cut model was from the model whose units were gated instead. */
export interface Proof {
  readonly structure: string
  /** Largest difference of an output, relative to the largest element of that output. */
  readonly difference: number
  readonly tolerance: number
  /** Runs that were compared, and whether their sizes differed. */
  readonly runs: number
  readonly sizesDiffer: boolean
}

/** 'cut = masked: largest difference 3e-7, tolerance 1e-4, two sizes' */
export function describeProof({ difference, tolerance, sizesDiffer }: Omit<Proof, 'structure'>): string {
  return `cut = masked: largest difference ${difference === 0 ? 0 : difference.toExponential(0)}, tolerance ${tolerance.toExponential(0)}, two ${sizesDiffer ? 'sizes' : 'inputs'}`
}

/** Runs, for each step that cuts, the cut model and the gated one on made-up inputs, before anything else changes weights. Throws where they differ. */
export async function prove(
  { model, steps, seed }: { model: Model; steps: readonly PlanStep[]; seed: number },
  work: Work & { readonly engine: Engine },
): Promise<Proof[]> {
  const proofs: Proof[] = []
  let current = model
  for (const step of steps) {
    const next = await applyPlan(current, { seed, steps: [step] })
    if (step.kind === 'cut') {
      const { relative, sizes, free, failure } = await compared(await gatePlan(current, step), next, work)
      const proof = {
        structure: step.structure,
        difference: relative,
        tolerance: toleranceOf(current),
        runs: sizes.length,
        sizesDiffer: free,
      }
      if (!(proof.difference <= proof.tolerance)) throw refuted(work.label, proof, failure)
      proofs.push(proof)
    }
    current = next
  }
  return proofs
}

async function compared(
  gated: Model,
  cut: Model,
  { signal, progress, label, engine }: Work & { readonly engine: Engine },
): Promise<Difference> {
  const { compareModels } = await import('@pare/evaluate')
  const activity = progress.begin(`${label}: proving the cut`)
  const folder = await mkdtemp(join(tmpdir(), 'pare-proof-'))
  try {
    const [reference, other] = [join(folder, 'gated.onnx'), join(folder, 'cut.onnx')]
    await writeModel(comparable(gated), reference, { signal })
    await writeModel(comparable(cut), other, { signal })
    const options = {
      signal,
      ...(engine.evaluateChild !== undefined && { child: engine.evaluateChild }),
      ...(engine.onnxruntime !== undefined && { onnxruntime: engine.onnxruntime }),
    }
    return await compareModels({ reference, other }, options)
  } catch (error) {
    signal.throwIfAborted()
    throw isPareError(error) ? unproved(label, error) : error
  } finally {
    activity.end()
    await rm(folder, { recursive: true, force: true })
  }
}

function comparable(model: Model): Model {
  return withComparedOutputs(widen(model))
}

function unproved(label: string, cause: Error): Failure {
  return new Failure(
    'infrastructure',
    `${label}: the cut cannot be proved, since the model does not run here: ${cause.message}`,
    {
      hint: 'nothing was written. To prune it unproved: --no-prove, or prove: false in the config; then evaluate the result yourself.',
      cause,
    },
  )
}

function refuted(label: string, { structure, difference, tolerance }: Proof, failure: string | undefined): Failure {
  const by = Number.isFinite(difference)
    ? `outputs differ by ${difference.toExponential(1)} relative, allowed is ${tolerance}.`
    : (failure ?? 'outputs have another shape, or NaN and infinities at other places.')
  return new Failure('infrastructure', `${label}: what structure '${structure}' cut is not what it masked: ${by}`, {
    hint: 'nothing was written. This is a fault of pare: please report it with the model.',
  })
}
