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
import { childOf, type Engine, type Work } from './work.js'

/** How far a changed model was from what it must equal: where units were cut, the model with those units gated; where they were permuted, the one before. */
export interface Proof {
  readonly step: 'cut' | 'permute'
  readonly structure: string
  /** Largest difference of an output, relative to the largest element of that output. */
  readonly difference: number
  readonly tolerance: number
  /** Runs that were compared, and whether their sizes differed. */
  readonly runs: number
  readonly sizesDiffer: boolean
}

/** 'cut = masked: largest difference 3e-7, tolerance 1e-4, two sizes' */
export function describeProof({
  step = 'cut',
  difference,
  tolerance,
  sizesDiffer,
}: Pick<Proof, 'difference' | 'tolerance' | 'sizesDiffer'> & { readonly step?: Proof['step'] | undefined }): string {
  return `${EQUATION[step]}: largest difference ${difference === 0 ? 0 : difference.toExponential(0)}, tolerance ${tolerance.toExponential(0)}, two ${sizesDiffer ? 'sizes' : 'inputs'}`
}

const EQUATION = { cut: 'cut = masked', permute: 'permuted = original' } as const

/**
 * Runs, for each step that cuts or permutes, the model after it and what that must equal on made-up inputs, before anything else changes weights. Throws
 * where they differ.
 */
export async function prove(
  { model, steps, seed }: { model: Model; steps: readonly PlanStep[]; seed: number },
  work: Work & { readonly engine: Engine },
): Promise<Proof[]> {
  const proofs: Proof[] = []
  let current = model
  for (const step of steps) {
    const next = await applyPlan(current, { seed, steps: [step] })
    if (step.kind === 'cut' || step.kind === 'permute') {
      const expected = step.kind === 'cut' ? await gatePlan(current, step) : current
      const { relative, sizes, free, failure } = await compared(expected, next, { ...work, step: step.kind })
      const proof = {
        step: step.kind,
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
  expected: Model,
  found: Model,
  { signal, progress, label, engine, step }: Work & { readonly engine: Engine; readonly step: Proof['step'] },
): Promise<Difference> {
  const { compareModels } = await import('@pare/evaluate')
  const activity = progress.begin(`${label}: proving the ${NOUN[step]}`)
  const folder = await mkdtemp(join(tmpdir(), 'pare-proof-'))
  try {
    const [reference, other] = [join(folder, 'expected.onnx'), join(folder, 'found.onnx')]
    await writeModel(comparable(expected), reference, { signal })
    await writeModel(comparable(found), other, { signal })
    return await compareModels({ reference, other }, { signal, ...childOf(engine) })
  } catch (error) {
    signal.throwIfAborted()
    throw isPareError(error) ? unproved(label, step, error) : error
  } finally {
    activity.end()
    await rm(folder, { recursive: true, force: true })
  }
}

function comparable(model: Model): Model {
  return withComparedOutputs(widen(model))
}

const NOUN = { cut: 'cut', permute: 'permutation' } as const

function unproved(label: string, step: Proof['step'], cause: Error): Failure {
  return new Failure(
    'infrastructure',
    `${label}: the ${NOUN[step]} cannot be proved, since the model does not run here: ${cause.message}`,
    {
      hint: 'nothing was written. To prune it unproved: --no-prove, or prove: false in the config; then evaluate the result yourself.',
      cause,
    },
  )
}

function refuted(label: string, { step, structure, difference, tolerance }: Proof, failure: string | undefined): Failure {
  const by = Number.isFinite(difference)
    ? `outputs differ by ${difference.toExponential(1)} relative, allowed is ${tolerance}.`
    : (failure ?? 'outputs have another shape, or NaN and infinities at other places.')
  const what = { cut: 'cut is not what it masked', permute: 'permuted is not what it was' }[step]
  return new Failure('infrastructure', `${label}: what structure '${structure}' ${what}: ${by}`, {
    hint: 'nothing was written. This is a fault of pare: please report it with the model.',
  })
}
