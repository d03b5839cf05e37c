import { type Model, PareError } from '@pare/onnx'
import { applyStep } from './apply.js'
import { stagesOf } from './calibrate/stages.js'
import { statisticsFor, type WeightStatistics } from './calibrate/statistics.js'
import type { Expression, Scope, Weight } from './contract.js'
import { cpu } from './cpu.js'
import { type MaskBits, noBits, packBits, setBit } from './mask-bits.js'
import { product } from './operators.js'
import type { ElementTarget, MaskedWeight, MaskStep, PlanOptions, PruneStep } from './plan.js'
import { rowOf } from './rows.js'
import { type Selected, select } from './select.js'
import { newBuffers, precisionOf, readChunks, type Source, sourceOf } from './stream.js'
import type { Scoring } from './threshold.js'
import { trace } from './trace.js'

export interface MaskRequest {
  readonly step: PruneStep & { readonly target: ElementTarget }
  readonly weights: readonly Weight[]
  readonly model: Model
}

/** Decides which elements of weights go. */
export async function planMask({ step, weights, model }: MaskRequest, options: PlanOptions): Promise<MaskStep> {
  const { criterion, target, structure } = step
  const scope = step.scope ?? criterion.scope ?? 'global'
  const traced = trace(criterion)
  const saliency: Expression = 'threshold' in target ? { op: 'abs', of: traced } : traced
  const head = { kind: 'mask', structure: structure.name, criterion: criterion.name, scope, target, saliency } as const
  const whole = { ...head, precision: precisionOf(weights), weights: [] as readonly MaskedWeight[] }
  if (step.sequential !== true) return masked(whole, { step, weights, model }, options)
  checkSequential(scope)
  let current = model
  let all = whole
  for (const stage of await stagesOf(model, weights)) {
    const part = await masked(whole, { step, weights: stage, model: current }, options)
    current = await applyStep(current, part, options)
    all = { ...all, weights: [...all.weights, ...part.weights] }
  }
  return all
}

async function masked(head: MaskStep, { step, weights, model }: MaskRequest, options: PlanOptions): Promise<MaskStep> {
  const { scope, saliency } = head
  const statistics = await statisticsFor(step.criterion, { model, weights }, options)
  const request = { weights, scope, target: step.target, saliency, ...(statistics && { statistics }) }
  const { precision, selections } = await select(request, { backend: cpu, ...options })
  const entries: MaskedWeight[] = []
  for (const [i, weight] of weights.entries()) {
    const selected = selections[i]!
    const rule =
      statistics === undefined ? selected.rule : await asBits(weight, selected.rule, { head, precision, statistics, options })
    entries.push({ id: weight.id, elements: product(weight.tensor.shape), ...selected, rule })
  }
  return { ...head, precision, weights: entries }
}

interface Measuring {
  readonly head: MaskStep
  readonly precision: MaskStep['precision']
  readonly statistics: WeightStatistics
  readonly options: PlanOptions
}

/** What a rule over statistics masks: another machine would measure them a little differently. */
async function asBits(
  weight: Weight,
  rule: Selected['rule'],
  { head, precision, statistics, options }: Measuring,
): Promise<MaskBits> {
  const source = sourceOf(weight, options.seed, statistics.of(weight))
  const kernel = (options.backend ?? cpu).compile(head.saliency, precision)
  const progress = () => options.signal?.throwIfAborted()
  return packBits(await maskOf(source, rule, { kernel, precision, buffers: newBuffers(), progress }))
}

async function maskOf(source: Source, { below, until }: Selected['rule'], scoring: Scoring): Promise<Uint8Array> {
  const mask = noBits(source.elements)
  const { rows } = source.weight
  for await (const chunk of readChunks(source, scoring)) {
    const saliencies = chunk.weights.slice()
    scoring.kernel.saliency(chunk, saliencies)
    for (let i = 0; i < saliencies.length; i++) {
      const element = chunk.start + i
      const row = Array.isArray(below) ? rowOf(rows, element) : 0
      const threshold = Array.isArray(below) ? below[row] : (below as number | null)
      const last = Array.isArray(until) ? until[row] : (until as number)
      if (threshold === null) continue
      const saliency = saliencies[i]!
      if (saliency < threshold || (saliency === threshold && element < last)) setBit(mask, element)
    }
  }
  return mask
}

function checkSequential(scope: Scope): void {
  if (scope === 'row' || scope === 'tensor') return
  throw new PareError(`sequential pruning decides weight by weight, and scope '${scope}' ranks all of them together.`, {
    hint: 'say --scope row or --scope tensor, or leave --sequential out.',
  })
}
