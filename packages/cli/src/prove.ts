import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applyPlan, gatePlan, type PlanStep } from '@pare/core'
import { type Model, writeModel } from '@pare/onnx'
import { Failure } from './failure.js'
import type { Engine, Work } from './work.js'

/** How far a cut model was from the model whose units were gated instead. */
export interface Proof {
  readonly structure: string
  /** Largest difference of an output, relative to the largest element of that output. */
  readonly difference: number
  readonly tolerance: number
}

/** Rounding of f32 through a deep network, with sums in another order. */
const TOLERANCE = 1e-4

/** Runs, for each step that cuts, the cut model and the gated one on random inputs, before anything else changes weights. Throws where they differ. */
export async function prove(
  { model, steps, seed }: { model: Model; steps: readonly PlanStep[]; seed: number },
  { signal, progress, label, engine }: Work & { readonly engine: Engine },
): Promise<Proof[]> {
  const proofs: Proof[] = []
  let current = model
  for (const step of steps) {
    const next = await applyPlan(current, { seed, steps: [step] })
    if (step.kind === 'cut') {
      const activity = progress.begin(`${label}: proving the cut`)
      try {
        const difference = await differenceOf(await gatePlan(current, step), next, { signal, engine })
        proofs.push({ structure: step.structure, difference, tolerance: TOLERANCE })
      } finally {
        activity.end()
      }
      if (!(proofs.at(-1)!.difference <= TOLERANCE)) throw refuted(label, proofs.at(-1)!)
    }
    current = next
  }
  return proofs
}

async function differenceOf(
  gated: Model,
  cut: Model,
  { signal, engine }: { signal: AbortSignal; engine: Engine },
): Promise<number> {
  const { compareModels } = await import('@pare/evaluate')
  const folder = await mkdtemp(join(tmpdir(), 'pare-proof-'))
  try {
    const [reference, other] = [join(folder, 'gated.onnx'), join(folder, 'cut.onnx')]
    await writeModel(gated, reference, { signal })
    await writeModel(cut, other, { signal })
    const options = {
      signal,
      ...(engine.evaluateChild !== undefined && { child: engine.evaluateChild }),
      ...(engine.onnxruntime !== undefined && { onnxruntime: engine.onnxruntime }),
    }
    return (await compareModels({ reference, other }, options)).relative
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function refuted(label: string, { structure, difference, tolerance }: Proof): Failure {
  return new Failure(
    'infrastructure',
    `${label}: what structure '${structure}' cut is not what it masked: outputs differ by ${difference.toExponential(1)} relative, allowed is ${tolerance}.`,
    { hint: 'nothing was written. This is a fault of pare: please report it with the model.' },
  )
}
