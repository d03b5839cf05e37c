import { type Model, modelBytes, type ValueInfo } from '@pare/onnx'
import type * as Ort from 'onnxruntime-node'
import type { Engine } from '../engine/engine.js'
import type { Product } from '../engine/product.js'
import { type DenseStep, modelOfStep, type Step, stepsOf } from '../graph/segments.js'
import type { Site } from '../graph/sites.js'
import type { Buffer, Buffers } from './buffers.js'

export type Feeds = Readonly<Record<string, Ort.Tensor>>
export type Results = Record<string, Ort.Tensor>

/** A model in parts: sparse products on our kernels, the rest in sessions of ONNX Runtime. */
export interface Split extends AsyncDisposable {
  /** How many sessions of ONNX Runtime. */
  readonly segments: number
  readonly sites: readonly Site[]
  /** All outputs. `onProduct` is told the samples of each product. */
  run(feeds: Feeds, onProduct?: (site: Site, samples: number) => void): Promise<Results>
}

export interface Parts {
  readonly ort: typeof Ort
  readonly model: Model
  readonly engine: Engine
  readonly buffers: Buffers
  readonly productOf: (site: Site) => Product
  /** Types and shapes of values between parts. */
  readonly infoOf: (names: readonly string[]) => Promise<(name: string) => ValueInfo>
  readonly createSession: (bytes: Uint8Array) => Promise<Ort.InferenceSession>
}

type Runnable = { readonly step: DenseStep; readonly session: Ort.InferenceSession } | { readonly site: Site; readonly product: Product }

export async function openSplit(parts: Parts, sites: readonly Site[]): Promise<Split> {
  const { model, infoOf, createSession, productOf } = parts
  const steps = stepsOf(model, sites)
  const crossing = new Set(steps.flatMap((step) => (step.kind === 'dense' ? [...step.inputs, ...step.outputs] : [])))
  const info = await infoOf([...crossing])
  const runnables: Runnable[] = []
  const release = async () => {
    for (const each of runnables) if ('session' in each) await each.session.release()
  }
  try {
    for (const step of steps) {
      if (step.kind === 'sparse') runnables.push({ site: step.site, product: productOf(step.site) })
      else runnables.push({ step, session: await createSession(await modelBytes(modelOfStep(model, step, info))) })
    }
  } catch (error) {
    await release()
    throw error
  }
  const lastUses = lastUsesOf(steps)
  const outputs = model.graph.outputs.map(({ name }) => name)
  return {
    segments: runnables.filter((each) => 'session' in each).length,
    sites,
    run: (feeds, onProduct = () => {}) => runAll({ parts, runnables, lastUses, outputs }, { feeds, onProduct }),
    [Symbol.asyncDispose]: release,
  }
}

/** Names that no step after this one reads, by step. */
function lastUsesOf(steps: readonly Step[]): readonly (readonly string[])[] {
  const last = new Map<string, number>()
  for (const [i, step] of steps.entries()) {
    const made = step.kind === 'dense' ? step.outputs : [step.site.output]
    const read = step.kind === 'dense' ? step.inputs : [step.site.input]
    for (const name of [...made, ...read]) last.set(name, i)
  }
  return steps.map((_, i) => [...last].filter(([, step]) => step === i).map(([name]) => name))
}

/** A value: as ONNX Runtime has it, in our memory, or both. */
interface Held {
  tensor?: Ort.Tensor
  own?: { readonly buffer: Buffer; readonly dims: readonly number[] }
}

interface Plan {
  readonly parts: Parts
  readonly runnables: readonly Runnable[]
  readonly lastUses: readonly (readonly string[])[]
  readonly outputs: readonly string[]
}

async function runAll(
  { parts, runnables, lastUses, outputs }: Plan,
  { feeds, onProduct }: { feeds: Feeds; onProduct: (site: Site, samples: number) => void },
): Promise<Results> {
  const { buffers } = parts
  const held = new Map<string, Held>(Object.entries(feeds).map(([name, tensor]) => [name, { tensor }]))
  /** The value that the product just before read, if nothing else ran since. */
  let packed: string | undefined
  const results: Results = {}
  try {
    for (const [i, runnable] of runnables.entries()) {
      if ('session' in runnable) {
        packed = undefined
        const { step, session } = runnable
        const inputs = Object.fromEntries(step.inputs.map((name) => [name, asTensor(parts, held.get(name)!)]))
        const made = await session.run(inputs)
        for (const name of step.outputs) held.set(name, { tensor: made[name]! })
      } else {
        const { site, product } = runnable
        const shape = runProduct({ parts, site, product, same: packed === site.input }, held)
        packed = site.input
        onProduct(site, shape)
      }
      for (const name of lastUses[i]!) if (!outputs.includes(name)) drop(name)
    }
    for (const name of outputs) results[name] = copyOut(parts, held.get(name)!)
    return results
  } finally {
    for (const name of [...held.keys()]) drop(name)
  }

  function drop(name: string): void {
    const value = held.get(name)
    if (value?.own !== undefined) buffers.giveBack(value.own.buffer)
    held.delete(name)
  }
}

/** Runs a product and returns the number of samples. */
function runProduct(
  { parts, site, product, same }: { parts: Parts; site: Site; product: Product; same: boolean },
  held: Map<string, Held>,
): number {
  const { buffers } = parts
  const input = held.get(site.input)!
  const { dims, buffer } = (input.own ??= copyIn(parts, input.tensor!))
  if (site.op !== 'Conv') {
    const samples = dims.slice(0, -1).reduce((a, b) => a * b, 1)
    const own = { buffer: buffers.take(4 * samples * product.out), dims: [...dims.slice(0, -1), product.out] }
    product.run(buffer.address, own.buffer.address, samples, { same })
    held.set(site.output, { own })
    return samples
  }
  const [batch = 0, , ...places] = dims
  const size = places.reduce((a, b) => a * b, 1)
  const own = { buffer: buffers.take(4 * batch * size * product.out), dims: [batch, product.out, ...places] }
  // One place for each sample: channels lie one after another, as in a matrix.
  if (size === 1) product.run(buffer.address, own.buffer.address, batch, { same })
  else
    for (let n = 0; n < batch; n++) {
      const from = buffer.address + 4 * n * product.in * size
      const to = own.buffer.address + 4 * n * product.out * size
      product.run(from, to, size, { samples: 'columns', same: same && batch === 1 })
    }
  held.set(site.output, { own })
  return batch * size
}

function copyIn({ engine, buffers }: Parts, { data, dims }: Ort.Tensor) {
  const values = data as Float32Array
  const buffer = buffers.take(values.byteLength)
  engine.memory.floats(buffer.address, values.length).set(values)
  return { buffer, dims }
}

function asTensor(parts: Parts, value: Held): Ort.Tensor {
  if (value.tensor !== undefined) return value.tensor
  const view = viewOf(parts, value)
  // ONNX Runtime takes no shared memory.
  const data = parts.engine.memory.kind === 'shared' ? view.slice() : view
  const tensor = new parts.ort.Tensor('float32', data, value.own!.dims)
  // A view is good for this run of this stretch only: memory that grows leaves it behind.
  if (parts.engine.memory.kind === 'shared') value.tensor = tensor
  return tensor
}

function copyOut(parts: Parts, value: Held): Ort.Tensor {
  return value.tensor ?? new parts.ort.Tensor('float32', viewOf(parts, value).slice(), value.own!.dims)
}

function viewOf({ engine }: Parts, { own }: Held): Float32Array {
  const { buffer, dims } = own!
  return engine.memory.floats(
    buffer.address,
    dims.reduce((a, b) => a * b, 1),
  )
}
