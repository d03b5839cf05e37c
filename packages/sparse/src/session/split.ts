import type { ValueInfo } from '@pare/onnx'
import type * as Ort from 'onnxruntime-common'
import { betweenOurs } from '../graph/between.js'
import {
  betweenStep,
  type DenseStep,
  modelOfStep,
  type OwnStep,
  productStep,
  type SessionStep,
  stepsOf,
} from '../graph/segments.js'
import type { ProductSite } from '../graph/sites.js'
import { countOf, prepare, type StoredValue } from './own-steps.js'
import type { Feeds, Results, RunParts } from './parts.js'

/** A model in parts: sparse products on our kernels, the rest in sessions of ONNX Runtime. */
export interface SplitModel extends AsyncDisposable {
  /** How many sessions of ONNX Runtime. */
  readonly segments: number
  readonly sites: readonly ProductSite[]
  /** All outputs. `onProduct` is told the samples of each product. */
  run(feeds: Feeds, onProduct?: (site: ProductSite, samples: number) => void): Promise<Results>
}

type Runnable =
  | { readonly step: DenseStep; readonly session: Ort.InferenceSession }
  | { readonly step: OwnStep; readonly run: Run }
type Run = (inputs: readonly StoredValue[], same: boolean) => StoredValue

export async function openSplit(parts: RunParts, sites: readonly ProductSite[]): Promise<SplitModel> {
  const { model, uses, candidates, createSession } = parts
  const between = betweenOurs(await candidates(), sites, uses)
  const own: OwnStep[] = [...sites.map(productStep), ...between.map(betweenStep)]
  const steps = stepsOf(model, own)
  const info = await infoOfCrossing(parts, steps)
  let onProduct: (site: ProductSite, samples: number) => void = () => {}
  const runnables: Runnable[] = []
  const release = async () => {
    for (const each of runnables) if ('session' in each) await each.session.release()
  }
  try {
    for (const step of steps) {
      if (step.kind !== 'dense') runnables.push({ step, run: prepare(parts, step, (site, samples) => onProduct(site, samples)) })
      else runnables.push({ step, session: await createSession(modelOfStep(model, step, info)) })
    }
  } catch (error) {
    await release()
    throw error
  }
  const plan = { parts, runnables, lastUses: lastUsesOf(steps), outputs: model.graph.outputs.map(({ name }) => name) }
  return {
    segments: runnables.filter((each) => 'session' in each).length,
    sites,
    run(feeds, onRun = () => {}) {
      onProduct = onRun
      return runAll(plan, feeds)
    },
    [Symbol.asyncDispose]: release,
  }
}

async function infoOfCrossing({ infoOf }: RunParts, steps: readonly SessionStep[]): Promise<(name: string) => ValueInfo> {
  const crossing = new Set(steps.flatMap((step) => (step.kind === 'dense' ? [...step.inputs, ...step.outputs] : [])))
  const info = await infoOf([...crossing])
  return (name) => {
    const value = info(name)
    if (value === undefined) throw new RangeError(`value '${name}' is no tensor, so it cannot cross between run times`)
    return value
  }
}

/** For each step the names that no later one reads. */
function lastUsesOf(steps: readonly SessionStep[]): readonly (readonly string[])[] {
  const last = new Map<string, number>()
  for (const [i, step] of steps.entries()) {
    const names = [...step.inputs, ...step.outputs]
    for (const name of names) last.set(name, i)
  }
  const lists = steps.map((): string[] => [])
  for (const [name, step] of last) lists[step]!.push(name)
  return lists
}

/** A value: as ONNX Runtime has it, in our memory, or both. */
interface StepValue {
  tensor?: Ort.Tensor
  own?: StoredValue
}

interface Plan {
  readonly parts: RunParts
  readonly runnables: readonly Runnable[]
  readonly lastUses: readonly (readonly string[])[]
  readonly outputs: readonly string[]
}

async function runAll({ parts, runnables, lastUses, outputs }: Plan, feeds: Feeds): Promise<Results> {
  const stepValues = new Map<string, StepValue>(Object.entries(feeds).map(([name, tensor]) => [name, { tensor }]))
  /** The value that the product just before read. */
  let packed: string | undefined
  try {
    for (const [i, runnable] of runnables.entries()) {
      if ('session' in runnable) {
        const { step, session } = runnable
        const inputs = Object.fromEntries(step.inputs.map((name) => [name, asTensor(parts, stepValues.get(name)!)]))
        const results = await session.run(inputs)
        for (const name of step.outputs) stepValues.set(name, { tensor: results[name]! })
      } else {
        const names = runnable.step.inputs
        const values = names.map((name) => ownValue(parts, stepValues.get(name)!))
        stepValues.set(runnable.step.outputs[0]!, { own: runnable.run(values, packed === names[0]) })
        // What lies between may have written over the value that was packed.
        packed = runnable.step.kind === 'sparse' ? names[0] : undefined
      }
      for (const name of lastUses[i]!) if (!outputs.includes(name)) drop(name)
    }
    return Object.fromEntries(outputs.map((name) => [name, copyOut(parts, stepValues.get(name)!)]))
  } finally {
    for (const name of [...stepValues.keys()]) drop(name)
  }

  function drop(name: string): void {
    const value = stepValues.get(name)
    if (value?.own !== undefined) parts.buffers.giveBack(value.own.buffer)
    stepValues.delete(name)
  }
}

/** The value in our memory: it is copied there once. */
function ownValue({ engine, buffers }: RunParts, value: StepValue): StoredValue {
  if (value.own !== undefined) return value.own
  const { data, dims } = value.tensor!
  const values = data as Float32Array
  const buffer = buffers.take(values.byteLength)
  engine.memory.floats(buffer.address, values.length).set(values)
  value.own = { buffer, dims }
  return value.own
}

function asTensor(parts: RunParts, value: StepValue): Ort.Tensor {
  if (value.tensor !== undefined) return value.tensor
  const view = viewOf(parts, value)
  // ONNX Runtime takes no shared memory.
  if (parts.engine.memory.kind === 'shared') {
    value.tensor = new parts.ort.Tensor('float32', view.slice(), value.own!.dims)
    return value.tensor
  }
  // A view is good for one run of one stretch: memory that grows leaves it behind.
  return new parts.ort.Tensor('float32', view, value.own!.dims)
}

function copyOut(parts: RunParts, value: StepValue): Ort.Tensor {
  return value.tensor ?? new parts.ort.Tensor('float32', viewOf(parts, value).slice(), value.own!.dims)
}

function viewOf({ engine }: RunParts, { own }: StepValue): Float32Array {
  return engine.memory.floats(own!.buffer.address, countOf(own!.dims))
}
