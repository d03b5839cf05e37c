import { createRequire } from 'node:module'
import { type Model, modelBytes, type Node } from '@pare/onnx'
import type { InferenceSession, Tensor } from 'onnxruntime-common'
import { cut } from '../cut/cut.js'
import { gated } from '../cut/gated.js'
import type { Removals } from '../cut/remaining.js'
import type { Axis } from '../dependency/axis.js'
import { findCoupling } from '../dependency/groups.js'
import type { Choices } from './graph-text.test.support.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** What was tried on a model, and what broke a law: nothing, where all is well. */
export interface Tried {
  /** Groups that were cut, and those held back with a reason. */
  readonly cut: number
  readonly held: number
  /** Whether ONNX Runtime does not run the model as it was: then it says nothing of the laws. */
  readonly isRefused: boolean
  readonly broken: readonly string[]
}

export interface LawOptions {
  readonly choices: Choices
  /** Sizes of symbols: the outputs must be equal at each. */
  readonly sizes: readonly Readonly<Record<string, number>>[]
  /** Relative to the largest output. Default: 1e-4 */
  readonly tolerance?: number
}

/** Cutting nothing changes nothing; the cut model computes what the gated one does, whichever units of whichever groups go. */
export async function tryLaws(model: Model, { choices, sizes, tolerance = 1e-4 }: LawOptions): Promise<Tried> {
  const coupling = await findCoupling(model)
  const broken: string[] = []
  const before = await modelBytes(model)
  const { dependencies } = coupling
  if (Buffer.compare(before, await modelBytes(cut(model, dependencies, new Map()))) !== 0)
    broken.push('cutting nothing changed the model')
  const free: FreeAtoms = new Map(
    coupling.groups.filter(({ held }) => held === undefined).map(({ id }) => [coupling.atoms.get(id)!, id]),
  )
  const removals = someOf(free, choices)
  const isRefused = removals.size === 0 || (await refuses(model, sizes))
  if (!isRefused) {
    const largest = await difference(gated(model, dependencies, removals), cut(model, dependencies, removals), sizes)
    if (!(largest <= tolerance)) broken.push(`${named(removals, free)}: differs by ${largest}`)
  }
  const held = coupling.groups.filter((group) => group.held !== undefined).length
  return { cut: isRefused ? 0 : removals.size, held, isRefused: isRefused && removals.size > 0, broken }
}

/** Ids by atom. */
type FreeAtoms = ReadonlyMap<Axis, string>

const named = (removals: Removals, ids: FreeAtoms) =>
  [...removals].map(([axis, gone]) => `${ids.get(axis)} without ${[...gone.keys()].filter((i) => gone[i] === 1)}`).join('; ')

/** Some units of most groups, never more than may go. */
function someOf(groups: FreeAtoms, choices: Choices): Removals {
  const removals = new Map<Axis, Uint8Array>()
  const all = choices.chance(0.3)
  for (const axis of groups.keys()) {
    if (!all && choices.chance(0.3)) continue
    const removed = new Uint8Array(axis.size)
    const count = choices.int(1, axis.size - (axis.least?.count ?? 1))
    for (let left = count; left > 0; ) {
      const unit = choices.int(0, axis.size - 1)
      left -= removed[unit] === 0 ? 1 : 0
      removed[unit] = 1
    }
    removals.set(axis, removed)
  }
  return removals
}

async function refuses(model: Model, sizes: LawOptions['sizes']): Promise<boolean> {
  try {
    const session = await sessionOf(model)
    for (const symbols of sizes) await session.run(feedsFor(model, symbols))
    await session.release()
    return false
  } catch (error) {
    if (error instanceof Error) return true
    throw error
  }
}

/** Largest difference of the outputs, relative to the largest number of each. Infinity where one fails or shapes differ. */
export async function difference(
  expected: Model,
  actual: Model,
  sizes: readonly Readonly<Record<string, number>>[],
): Promise<number> {
  const [one, two] = [await sessionOf(expected), await sessionOf(actual)]
  let worst = 0
  for (const symbols of sizes) {
    const feeds = feedsFor(expected, symbols)
    const [a, b] = [await one.run(feeds), await two.run(feeds)]
    for (const name of one.outputNames) worst = Math.max(worst, apart(a[name]!, b[name]!))
  }
  await Promise.all([one.release(), two.release()])
  return worst
}

/**
 * Products of uint8 and int8 are clipped to 16 bits on CPUs without VNNI unless this is said, and a cut changes which. ONNX Runtime 1.30 gives DequantizeLinear a
 * wrong zero point then where it has none.
 */
function precise({ graph }: Model): { readonly x64quantprecision?: '1' } {
  const lacksZero = ({ op, inputs }: Node) => op === 'DequantizeLinear' && (inputs[2] ?? '') === ''
  return graph.nodes.some(lacksZero) ? {} : { x64quantprecision: '1' }
}

/** On one thread; a shape that a model states and that does not follow from it is an error, not a warning. */
const sessionOf = async (model: Model): Promise<InferenceSession> =>
  runtime.InferenceSession.create(await modelBytes(model), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    extra: { session: { strict_shape_type_inference: '1', ...precise(model) } },
  })

function feedsFor({ graph }: Model, symbols: Readonly<Record<string, number>>): Record<string, Tensor> {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  const feeds = graph.inputs
    .filter(({ name }) => !stored.has(name))
    .map(({ name, type = 'float32', shape = [] }) => {
      const dims = shape.map((size) => (typeof size === 'number' ? size : (symbols[size ?? ''] ?? 2)))
      return [name, feed(type, dims, symbols.flag ?? 1)] as const
    })
  return Object.fromEntries(feeds)
}

/** `flag`: what conditions are. */
function feed(type: string, dims: readonly number[], flag: number): Tensor {
  const count = dims.reduce((a, b) => a * b, 1)
  const of = <T>(make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i))
  if (type === 'bool') return new runtime.Tensor('bool', Uint8Array.from(of(() => flag)), dims)
  if (type === 'int32') return new runtime.Tensor('int32', Int32Array.from(of((i) => (i * 5 + 3) % 7)), dims)
  if (type === 'int64') return new runtime.Tensor('int64', BigInt64Array.from(of((i) => BigInt((i * 5 + 3) % 7))), dims)
  if (type === 'float64') return new runtime.Tensor('float64', Float64Array.from(of((i) => Math.sin(i * 1.7 + 0.3))), dims)
  if (type === 'float32') return new runtime.Tensor('float32', Float32Array.from(of((i) => Math.sin(i * 1.7 + 0.3))), dims)
  throw new Error(`no numbers of type ${type} are made here`)
}

function apart(a: Tensor, b: Tensor): number {
  if (a.dims.join() !== b.dims.join()) return Number.POSITIVE_INFINITY
  const [x, y] = [a.data as Float32Array, b.data as Float32Array]
  const scale = x.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6)
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0) / scale
}
