import { editTensor, type Model, PareError, type Payload, type Tensor, withTensors } from '@pare/onnx'
import { weightsOf } from './analyse.js'
import type { Backend, Bits, Chunk, Kernel, Precision } from './backend.js'
import { cutBlocks } from './blocks/cut-blocks.js'
import type { Weight } from './contract.js'
import { cpu } from './cpu.js'
import { cut } from './dependency/cut.js'
import type { CutStep, MaskedWeight, MaskStep, Plan, PlanStep } from './plan.js'
import { randomStream } from './random.js'
import { ANOTHER, removedUnits } from './removed-units.js'
import { type RowThresholds, rowOf } from './rows.js'
import { bitsOf, floatsOf, floatType, widthOf } from './stream.js'
import type { Threshold } from './threshold.js'

/** The model as the plan leaves it. No weight is read yet: they are masked and sliced piece by piece as their bytes are asked for. */
export async function applyPlan(model: Model, { seed, steps }: Pick<Plan, 'seed' | 'steps'>): Promise<Model> {
  let current = model
  for (const step of steps) current = await applyStep(current, step, { seed })
  return current
}

export async function applyStep(model: Model, step: PlanStep, options: { seed: number; backend?: Backend }): Promise<Model> {
  switch (step.kind) {
    case 'mask':
      return applyMask(model, step, options)
    case 'cut':
      return applyCut(model, step)
    default:
      return step satisfies never
  }
}

async function applyCut(model: Model, step: CutStep): Promise<Model> {
  const { dependencies, removals, blocks } = await removedUnits(model, step)
  return cutBlocks(cut(model, dependencies, removals), blocks)
}

function applyMask(model: Model, step: MaskStep, { seed, backend = cpu }: { seed: number; backend?: Backend }): Model {
  const weights = new Map(weightsOf(model).map((weight) => [weight.id, weight]))
  const kernel = backend.compile(step.saliency, step.precision)
  const masked = new Map<Tensor, Payload>()
  for (const entry of step.weights) {
    const weight = weights.get(entry.id)
    if (weight === undefined || weight.tensor.shape.reduce((a, b) => a * b, 1) !== entry.elements)
      throw anotherModel(entry, weight)
    if (entry.masked > entry.zeros)
      masked.set(weight.tensor, maskedPayload(weight, { entry, precision: step.precision, kernel, seed }))
  }
  if (masked.size === 0) return model
  return withTensors(model, (tensor) => {
    const data = masked.get(tensor)
    return data === undefined ? tensor : editTensor(tensor, { data })
  })
}

interface Masking {
  readonly entry: MaskedWeight
  readonly precision: Precision
  readonly kernel: Kernel
  readonly seed: number
}

/** The payload of a weight with the rule applied to whatever stretch is read. */
function maskedPayload({ id, tensor, rows }: Weight, { entry, precision, kernel, seed }: Masking): Payload {
  const stream = randomStream(seed, id)
  const width = widthOf(tensor)
  const type = floatType(tensor)
  return { byteLength: tensor.data.byteLength, read }

  async function read(target: Uint8Array, offset: number): Promise<void> {
    const first = Math.floor(offset / width)
    const last = Math.ceil((offset + target.byteLength) / width)
    const fits = first * width === offset && last * width === offset + target.byteLength && target.byteOffset % width === 0
    const bytes = fits ? target : new Uint8Array((last - first) * width)
    await tensor.data.read(bytes, first * width)
    const chunk = { weights: floatsOf(bytes, type, precision), start: first, stream }
    const bits = bitsOf(bytes, type)
    if (isRows(entry.rule)) maskRows(chunk, (i) => rowOf(rows, i), { rule: entry.rule, kernel, bits })
    else maskChunk(chunk, entry.rule, { kernel, bits })
    if (!fits) target.set(bytes.subarray(offset - first * width).subarray(0, target.byteLength))
  }
}

function isRows(rule: Threshold | RowThresholds): rule is RowThresholds {
  return Array.isArray(rule.below)
}

/** Ties are masked before element `until` only, so the chunk is split there. */
function maskChunk(
  { weights, start, stream }: Chunk,
  { below, until }: Threshold,
  { kernel, bits }: { kernel: Kernel; bits: Bits },
): void {
  if (below === null) return
  const split = Math.min(Math.max(until - start, 0), weights.length)
  const width = bits.length / weights.length
  kernel.mask({ weights: weights.subarray(0, split), start, stream }, below, true, bits.subarray(0, split * width))
  kernel.mask({ weights: weights.subarray(split), start: start + split, stream }, below, false, bits.subarray(split * width))
}

function maskRows(
  chunk: Chunk,
  row: (element: number) => number,
  { rule, kernel, bits }: { rule: RowThresholds; kernel: Kernel; bits: Bits },
): void {
  const { weights, start } = chunk
  const saliency = weights instanceof Float32Array ? new Float32Array(weights.length) : new Float64Array(weights.length)
  kernel.saliency(chunk, saliency)
  const width = bits.length / weights.length
  for (let i = 0; i < weights.length; i++) {
    const r = row(start + i)
    const below = rule.below[r]!
    const s = saliency[i]!
    if (below !== null && (s < below || (s === below && start + i < rule.until[r]!))) bits.fill(0, i * width, (i + 1) * width)
  }
}

function anotherModel({ id, elements }: MaskedWeight, weight: Weight | undefined): PareError {
  const found = weight === undefined ? 'has no such weight' : `has it with shape [${weight.tensor.shape}]`
  return new PareError(`the plan masks '${id}' with ${elements} elements, and this model ${found}.`, ANOTHER)
}
