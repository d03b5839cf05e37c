import type { Model } from '@pare/onnx'
import { elementCount, present } from '@pare/onnx'
import { applyStep } from '../apply/apply.js'
import { type MaskBits, noBits, packBits, setBit } from '../apply/mask-bits.js'
import { cpu } from '../backend/cpu.js'
import { buffersOf, precisionOf, sourceOf, type WeightSource } from '../backend/stream.js'
import { trace } from '../backend/trace.js'
import { openStages, stagesOf } from '../calibrate/stages.js'
import { type StatisticsSource, statisticsFor, type WeightStatistics } from '../calibrate/statistics/statistics.js'
import type { Criterion, Expression, Pattern, Weight } from '../contract/contract.js'
import { maskedIn, type SaliencyRule, stripesFor } from '../patterns/masked-in.js'
import { readStripes } from '../patterns/stripes.js'
import { saliencyOf } from '../select/saliency.js'
import type { Scoring } from '../select/scoring.js'
import { select } from '../select/select.js'
import { elementScope } from './check-step.js'
import type { ElementTarget, MaskedWeight, MaskStep, PlanOptions, PruneStep } from './plan.js'

export interface MaskRequest {
  readonly step: PruneStep & { readonly target: ElementTarget; readonly criterion: Criterion }
  readonly weights: readonly Weight[]
  /** Of all of them. */
  readonly pattern: Pattern
  readonly model: Model
}

/** Decides which elements of weights go. */
export async function planMask({ step, weights, pattern, model }: MaskRequest, options: PlanOptions): Promise<MaskStep> {
  const { criterion, target, structure } = step
  const scope = elementScope(step, pattern.kind)
  const traced = trace(criterion)
  const saliency: Expression = 'threshold' in target ? { op: 'abs', of: traced } : traced
  const head = { kind: 'mask', structure: structure.name, criterion: criterion.name, scope, target, saliency } as const
  const whole = { ...head, precision: precisionOf(weights), weights: [] as readonly MaskedWeight[] }
  if (step.sequential !== true) return masked(whole, { step, weights, pattern, model }, options)
  let current = model
  let all = whole
  await using runs = await openStages({ model, stages: await stagesOf(model, weights), needs: criterion.needs }, options)
  for (const { weights: stage, source } of runs.all) {
    const part = await masked(whole, { step, weights: stage, pattern, model: current }, source)
    current = await applyStep(current, part, options)
    all = { ...all, weights: [...all.weights, ...part.weights] }
  }
  return all
}

async function masked(
  head: MaskStep,
  { step, weights, pattern, model }: MaskRequest,
  options: StatisticsSource,
): Promise<MaskStep> {
  const { scope, saliency } = head
  const statistics = await statisticsFor(step.criterion, { model, weights }, options)
  const { target, allocation, normalize } = step
  const spread = { ...(allocation && { allocation }), ...(normalize && { normalize }) }
  const request = { weights, pattern, scope, target, saliency, criterion: head.criterion, ...spread, ...present({ statistics }) }
  const { precision, selections } = await select(request, { backend: cpu, ...options })
  const entries: MaskedWeight[] = []
  for (const [i, weight] of weights.entries()) {
    const selected = selections[i]!
    const { rule: own } = selected
    const rule =
      statistics === undefined || 'bits' in own ? own : await asBits(weight, own, { head, precision, statistics, options })
    entries.push({ id: weight.id, elements: elementCount(weight.tensor.shape), ...selected, rule })
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
  rule: SaliencyRule,
  { head, precision, statistics, options }: Measuring,
): Promise<MaskBits> {
  const source = sourceOf(weight, options.seed, statistics.of(weight))
  const backend = options.backend ?? cpu
  const kernel = backend.compile(head.saliency, precision)
  const progress = () => options.signal?.throwIfAborted()
  return packBits(await maskOf(source, rule, { kernel, precision, buffers: buffersOf(kernel, backend), progress }))
}

async function maskOf(source: WeightSource, rule: SaliencyRule, scoring: Scoring): Promise<Uint8Array> {
  const mask = noBits(source.elements)
  for await (const chunk of readStripes(source, stripesFor(rule, source.weight), scoring)) {
    const goes = maskedIn(rule, { saliency: await saliencyOf(scoring.kernel, chunk), start: chunk.start }, source.weight)
    for (let i = 0; i < goes.length; i++) if (goes[i] === 1) setBit(mask, chunk.start + i)
  }
  return mask
}
