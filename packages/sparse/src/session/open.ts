import { availableParallelism } from 'node:os'
import { expandStorage, type Model, makePayload, openModel, present, readModel, sha256 } from '@pare/onnx'
import { loadOnnxRuntime, type OnnxRuntime, provideOnnxRuntime } from '@pare/onnxruntime'
import type * as Ort from 'onnxruntime-common'
import { type KernelEngine, openEngine } from '../engine/engine.js'
import { kindOf, type SparseProduct } from '../engine/product.js'
import { type Between, couldBeOurs, mayBeBetween } from '../graph/between.js'
import type { ProductSite } from '../graph/sites.js'
import { widenedUsesOf } from '../graph/uses.js'
import { buffersIn } from './buffers.js'
import { type Cache, openCache } from './cache.js'
import type { SparseSessionOptions } from './options.js'
import { type CreateSession, createDense, sessionSettings, sessionsOf } from './ort-sessions.js'
import type { RunParts } from './parts.js'
import { ASKED, NOTHING, type SessionPlan } from './plan.js'
import { findSites } from './sites-of-model.js'
import { inferValues } from './values-between.js'

/** What a session consists of. */
export interface SessionParts {
  readonly dense: Ort.InferenceSession
  readonly sites: readonly ProductSite[]
  /** Inputs that have a value if none is given: with one given, the model runs dense. */
  readonly defaults: ReadonlySet<string>
  readonly close: () => Promise<void>
  /** Set where there is nothing to measure. */
  readonly fixed?: SessionPlan
  /** Whether plans that stay dense say how many zeros would pay. */
  readonly outlook: boolean
  readonly parts?: RunParts
  readonly cache?: Cache
}

/** Throws PareError for what is no model, and leaves nothing open then. */
export async function openSession(source: string | Uint8Array, options: SparseSessionOptions): Promise<SessionParts> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const each of closers.splice(0).reverse()) await each()
  }
  try {
    return { ...(await openParts(source, options, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openParts(
  source: string | Uint8Array,
  options: SparseSessionOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Omit<SessionParts, 'close'>> {
  const { threads = availableParallelism(), plan = 'measured', outlook = false } = options
  const ort = options.ort ?? loadOnnxRuntime(await provideOnnxRuntime())
  const { model: whole, confirm } = await readWhole(source, options, closers)
  const settings = sessionSettings(threads, options.session)
  const dense = await createDense(ort, source, settings)
  closers.push(async () => dense.release())
  await confirm()
  const createSession = sessionsOf(ort, source, settings)
  const { model, defaults, sites, without } = await findSites(whole, options, createSession)
  if (sites.length === 0) return { dense, sites, defaults, outlook, fixed: { ...NOTHING, kind: 'dense', reason: without } }

  const engine = await openEngine({ kinds: sites.map(({ matrix }) => kindOf(matrix)), threads })
  closers.push(async () => engine[Symbol.asyncDispose]())
  const parts: RunParts = {
    ort,
    model,
    uses: widenedUsesOf(model.graph),
    candidates: candidatesIn(model, createSession),
    engine,
    buffers: buffersIn(engine.memory),
    productOf: productsIn(engine),
    infoOf: (names) => inferValues(createSession, model, names),
    createSession,
  }
  const session = { dense, sites, defaults, outlook, parts }
  if (plan === 'sparse')
    return { ...session, fixed: { ...NOTHING, kind: 'sparse', reason: ASKED, sparse: sites.map(({ id }) => id) } }
  if (options.cache === undefined) return session
  return { ...session, cache: await openCache(options.cache, await keyOf(source, { ort, threads, options })) }
}

async function readWhole(
  source: string | Uint8Array,
  { trusted = false }: SparseSessionOptions,
  closers: (() => Promise<unknown>)[],
): Promise<{ readonly model: Model; readonly confirm: () => Promise<void> }> {
  if (typeof source !== 'string') return { model: await expandStorage(await readModel(source)), confirm: async () => {} }
  const file = await openModel(source, { allowHardLinks: trusted })
  closers.push(() => file[Symbol.asyncDispose]())
  return { model: await expandStorage(file.model), confirm: () => file.confirmFiles() }
}

/** Found when first asked for, and once. */
function candidatesIn(model: Model, createSession: CreateSession): () => Promise<readonly Between[]> {
  let candidates: Promise<readonly Between[]> | undefined
  return () => {
    candidates ??= find()
    return candidates
  }

  async function find(): Promise<readonly Between[]> {
    const { nodes } = model.graph
    const uses = widenedUsesOf(model.graph)
    const names = nodes
      .filter(mayBeBetween)
      .flatMap(({ inputs }) => inputs.filter((name) => name !== '' && !uses.constants.has(name)))
    return couldBeOurs(nodes, { uses, infoOf: await inferValues(createSession, model, [...new Set(names)]) })
  }
}

/** Each weight is loaded once for each bias and activation that follow it. */
function productsIn(engine: KernelEngine): (site: ProductSite) => SparseProduct {
  const products = new Map<string, SparseProduct>()
  return (site) => {
    const earlier = products.get(site.id)
    if (earlier !== undefined) return earlier
    const { matrix, bias, activation } = site
    const product = engine.load(matrix, { ...present({ bias }), ...(activation && { activation }) })
    products.set(site.id, product)
    return product
  }
}

async function keyOf(
  source: string | Uint8Array,
  { ort, threads, options }: { ort: OnnxRuntime; threads: number; options: SparseSessionOptions },
) {
  const { leastSparsity, fewestElements, session, outlook } = options
  return {
    model: await sha256(typeof source === 'string' ? source : makePayload(source)),
    threads,
    onnxruntime: ort.env.versions.node ?? 'unknown',
    settings: JSON.stringify({ leastSparsity, fewestElements, session, outlook }),
  }
}
