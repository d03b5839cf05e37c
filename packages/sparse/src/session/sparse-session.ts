import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { editGraph, editModel, type Model, makePayload, openModel, PareError, readModel, sha256 } from '@pare/onnx'
import type * as Ort from 'onnxruntime-node'
import { type Engine, openEngine } from '../engine/engine.js'
import { kindOf, type Product } from '../engine/product.js'
import { type Between, couldBeOurs, mayBeBetween } from '../graph/between.js'
import { type Site, sparseSites } from '../graph/sites.js'
import { usesOf } from '../graph/uses.js'
import { buffersIn } from './buffers.js'
import { type Cache, openCache } from './cache.js'
import type { Feeds, Parts, Results } from './parts.js'
import type { Plan } from './plan.js'
import { makePlan } from './planner.js'
import { openSplit, type Split } from './split.js'
import { inferValues } from './values-between.js'

export interface SparseSessionOptions {
  /** ONNX Runtime. Default: the onnxruntime-node that this package finds. */
  readonly ort?: typeof Ort
  /** Default: all cores. */
  readonly threads?: number
  /**
   * 'measured': what is faster on this machine, tried for each size of inputs that comes; 'sparse': every product with a sparse weight on our kernels;
   * 'dense': ONNX Runtime alone. Default: 'measured'
   */
  readonly plan?: 'measured' | 'sparse' | 'dense'
  /** Inputs of sizes to plan for at once. Default: none, the first run with inputs of a size plans for it. */
  readonly samples?: readonly Feeds[]
  /** Folder in which plans are kept for the next session. Default: none. */
  readonly cache?: string
  /** Weights with fewer zeros, as a share, stay dense. Default: 0.5 */
  readonly leastSparsity?: number
  /** Weights with fewer elements stay dense. Default: 16384 */
  readonly fewestElements?: number
  /** Whether external data may be hard links, as in caches of model hubs. Default: false */
  readonly trusted?: boolean
  /** Options of the sessions of ONNX Runtime. Default: its own, with `threads`, and threads that do not wait busily between runs. */
  readonly session?: Ort.InferenceSession.SessionOptions
}

/**
 * A model that runs its sparse weights on kernels of ours where that is faster, and else on ONNX Runtime. It has the shape of ONNX Runtime's
 * `InferenceSession`. Results differ from the dense ones by rounding, except that a zero weight times an infinite or NaN input is 0 here.
 */
export class SparseSession implements AsyncDisposable {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** What was done in the last run, or will be in the next. */
  get plan(): Plan {
    return this.#plan
  }
  /** The plans for all sizes of inputs so far. */
  get plans(): readonly Plan[] {
    return [...this.#plans.values()]
  }

  readonly #parts: SessionParts
  readonly #plans = new Map<string, Plan>()
  readonly #splits = new Map<string, Promise<Split>>()
  #plan: Plan

  private constructor(parts: SessionParts) {
    this.#parts = parts
    this.inputNames = parts.dense.inputNames
    this.outputNames = parts.dense.outputNames
    this.#plan = parts.fixed ?? { ...NOTHING, kind: 'dense', reason: 'nothing was run yet.' }
  }

  /** A model from its path, with external data beside it, or from its bytes. Throws PareError for what is no model. */
  static async create(model: string | Uint8Array, options: SparseSessionOptions = {}): Promise<SparseSession> {
    const parts = await open(model, options)
    const session = new SparseSession(parts)
    try {
      if (parts.fixed?.kind === 'sparse') {
        const { segments } = await session.#splitFor(parts.fixed.sparse)
        session.#plan = { ...parts.fixed, segments }
      } else for (const feeds of options.samples ?? []) await session.#planFor(feeds)
    } catch (error) {
      await session.release()
      throw error
    }
    return session
  }

  /** All outputs, or those named. Blocks this thread while it runs. One run at a time: another waits. */
  async run(feeds: Feeds, fetches?: readonly string[]): Promise<Results> {
    const turn = this.#turn.then(() => this.#run(feeds, fetches))
    this.#turn = turn.catch(() => {})
    return turn
  }
  #turn: Promise<unknown> = Promise.resolve()

  async #run(feeds: Feeds, fetches?: readonly string[]): Promise<Results> {
    const { dense, defaults } = this.#parts
    const plan = Object.keys(feeds).some((name) => defaults.has(name)) ? undefined : await this.#planFor(feeds)
    if (plan === undefined || plan.kind === 'dense') return fetches === undefined ? dense.run(feeds) : dense.run(feeds, fetches)
    const missing = this.inputNames.filter((name) => feeds[name] === undefined && !defaults.has(name))
    const unknown = fetches?.filter((name) => !this.outputNames.includes(name)) ?? []
    // ONNX Runtime says what is wrong.
    if (missing.length > 0 || unknown.length > 0) return dense.run(feeds, fetches ?? this.outputNames)
    const results = await (await this.#splitFor(plan.sparse)).run(feeds)
    return fetches === undefined ? results : Object.fromEntries(fetches.map((name) => [name, results[name]!]))
  }

  async release(): Promise<void> {
    await this.#turn
    for (const split of this.#splits.values()) await (await split)[Symbol.asyncDispose]()
    await this.#parts.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  async #planFor(feeds: Feeds): Promise<Plan> {
    const { fixed, cache, sites } = this.#parts
    if (fixed !== undefined) return fixed
    const shapes = shapesOf(feeds)
    const known = this.#plans.get(shapes) ?? usable(cache?.find(shapes), sites)
    const plan = known ?? (await this.#measure(feeds, shapes))
    this.#plans.set(shapes, plan)
    this.#plan = plan
    return plan
  }

  async #measure(feeds: Feeds, shapes: string): Promise<Plan> {
    const { parts, sites, dense, cache } = this.#parts
    const planning = { parts: parts!, sites, dense, splitFor: (ids: readonly string[]) => this.#splitFor(ids) }
    try {
      const plan = await makePlan(planning, feeds, shapes)
      await cache?.keep(plan)
      return plan
    } catch (error) {
      // Whatever stands in the way of sparse, dense still works, or says what is wrong with the inputs.
      return { ...NOTHING, shapes, kind: 'dense', reason: `it cannot run in parts: ${(error as Error).message}` }
    }
  }

  #splitFor(ids: readonly string[]): Promise<Split> {
    const key = ids.join('\n')
    const { parts, sites } = this.#parts
    const known = this.#splits.get(key)
    if (known !== undefined) return known
    const chosen = new Set(ids)
    const split = openSplit(
      parts!,
      sites.filter(({ id }) => chosen.has(id)),
    )
    this.#splits.set(key, split)
    split.catch(() => this.#splits.delete(key))
    return split
  }
}

interface SessionParts {
  readonly dense: Ort.InferenceSession
  readonly sites: readonly Site[]
  /** Inputs that have a value if none is given: with one given, the model runs dense. */
  readonly defaults: ReadonlySet<string>
  readonly close: () => Promise<void>
  /** Set where there is nothing to measure. */
  readonly fixed?: Plan
  readonly parts?: Parts
  readonly cache?: Cache
}

const NOTHING = { shapes: 'all', sparse: [], layers: [] } as const

async function open(source: string | Uint8Array, options: SparseSessionOptions): Promise<SessionParts> {
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
  const { threads = availableParallelism(), plan = 'measured' } = options
  const ort = options.ort ?? (await loadOrt())
  const whole = await readWhole(source, options, closers)
  const settings = sessionSettings(threads, options)
  const dense = await createDense(ort, source, settings)
  closers.push(async () => dense.release())
  const { model, defaults } = withoutDefaults(whole)
  const { sites, without } = await findSites(model, options)
  if (sites.length === 0) return { dense, sites, defaults, fixed: { ...NOTHING, kind: 'dense', reason: without } }

  const engine = await openEngine({ kinds: sites.map(({ matrix }) => kindOf(matrix)), threads })
  closers.push(async () => engine[Symbol.asyncDispose]())
  const parts: Parts = {
    ort,
    model,
    uses: usesOf(model.graph),
    candidates: candidatesIn(ort, model),
    engine,
    buffers: buffersIn(engine.memory),
    productOf: productsIn(engine),
    infoOf: (names) => inferValues(ort, model, names),
    createSession: (bytes) => ort.InferenceSession.create(bytes, settings),
  }
  const found = { dense, sites, defaults, parts }
  if (plan === 'sparse')
    return { ...found, fixed: { ...NOTHING, kind: 'sparse', reason: ASKED, sparse: sites.map(({ id }) => id) } }
  if (options.cache === undefined) return found
  return { ...found, cache: await openCache(options.cache, await keyOf(source, { ort, threads, options })) }
}

const ASKED = 'it was asked for.'

async function readWhole(
  source: string | Uint8Array,
  { trusted = false }: SparseSessionOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Model> {
  if (typeof source !== 'string') return readModel(source)
  const file = await openModel(source, { allowHardLinks: trusted })
  closers.push(() => file[Symbol.asyncDispose]())
  return file.model
}

function sessionSettings(threads: number, { session }: SparseSessionOptions): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    // Threads of ONNX Runtime that wait busily between its parts would take the cores from ours.
    extra: { session: { force_spinning_stop: '1' } },
    ...session,
  }
}

async function createDense(
  ort: typeof Ort,
  source: string | Uint8Array,
  settings: Ort.InferenceSession.SessionOptions,
): Promise<Ort.InferenceSession> {
  try {
    return await (typeof source === 'string'
      ? ort.InferenceSession.create(resolve(source), settings)
      : ort.InferenceSession.create(source, settings))
  } catch (cause) {
    throw new PareError(`sparse: ONNX Runtime cannot load the model: ${(cause as Error).message}`, {
      hint: 'check the file; pare inspect MODEL shows what is in it.',
      cause,
    })
  }
}

/** The products with sparse weights, or why there are none. */
async function findSites(model: Model, options: SparseSessionOptions): Promise<{ sites: Site[]; without: string }> {
  const { plan = 'measured', leastSparsity = 0.5, fewestElements = 16384 } = options
  const nothing = (without: string) => ({ sites: [], without })
  if (plan === 'dense') return nothing(ASKED)
  if (model.graph.sparseInitializers.length > 0)
    return nothing('the model has sparse initializers, which ONNX Runtime makes dense.')
  const made = new Set(model.graph.nodes.flatMap(({ outputs }) => outputs))
  const odd = model.graph.outputs.find(({ name }) => !made.has(name))
  if (odd !== undefined) return nothing(`the output '${odd.name}' is an input or a constant.`)
  const sites = await sparseSites(model, { leastSparsity, fewestElements })
  return {
    sites,
    without: `no weight of ${fewestElements} elements or more that is multiplied has ${100 * leastSparsity} % zeros.`,
  }
}

/** Inputs that have a value if none is given become constants. */
function withoutDefaults(model: Model): { model: Model; defaults: ReadonlySet<string> } {
  const { graph } = model
  const values = new Set(graph.initializers.map(({ name }) => name))
  const defaults = new Set(graph.inputs.map(({ name }) => name).filter((name) => values.has(name)))
  if (defaults.size === 0) return { model, defaults }
  const inputs = graph.inputs.filter(({ name }) => !defaults.has(name))
  return { model: editModel(model, { graph: editGraph(graph, { inputs }) }), defaults }
}

/** Found when first asked for, and once. */
function candidatesIn(ort: typeof Ort, model: Model): () => Promise<readonly Between[]> {
  let found: Promise<readonly Between[]> | undefined
  return () => {
    found ??= find()
    return found
  }

  async function find(): Promise<readonly Between[]> {
    const { nodes } = model.graph
    const uses = usesOf(model.graph)
    const names = nodes
      .filter(mayBeBetween)
      .flatMap(({ inputs }) => inputs.filter((name) => name !== '' && !uses.constants.has(name)))
    return couldBeOurs(nodes, { uses, infoOf: await inferValues(ort, model, [...new Set(names)]) })
  }
}

/** Each weight is loaded once for each bias and activation that follow it. */
function productsIn(engine: Engine): (site: Site) => Product {
  const products = new Map<string, Product>()
  return (site) => {
    const known = products.get(site.id)
    if (known !== undefined) return known
    const { matrix, bias, activation } = site
    const product = engine.load(matrix, { ...(bias && { bias }), ...(activation && { activation }) })
    products.set(site.id, product)
    return product
  }
}

async function keyOf(
  source: string | Uint8Array,
  { ort, threads, options }: { ort: typeof Ort; threads: number; options: SparseSessionOptions },
) {
  const { leastSparsity, fewestElements, session } = options
  return {
    model: await sha256(typeof source === 'string' ? source : makePayload(source)),
    threads,
    onnxruntime: ort.env.versions.node ?? 'unknown',
    settings: JSON.stringify({ leastSparsity, fewestElements, session }),
  }
}

/** A plan from a file, if all its products are there. */
function usable(plan: Plan | undefined, sites: readonly Site[]): Plan | undefined {
  const ids = new Set(sites.map(({ id }) => id))
  return plan?.sparse.every((id) => ids.has(id)) ? plan : undefined
}

/** Sizes rounded up to powers of two: plans are made for each, and a sequence that grows does not need one for each length. */
function shapesOf(feeds: Feeds): string {
  const round = (size: number) => (size <= 1 ? size : 2 ** Math.ceil(Math.log2(size)))
  return Object.keys(feeds)
    .sort()
    .map((name) => `${name} ${feeds[name]!.dims.map(round).join('×')}`)
    .join(', ')
}

async function loadOrt(): Promise<typeof Ort> {
  try {
    return await import('onnxruntime-node')
  } catch (cause) {
    throw new PareError(`sparse: ONNX Runtime cannot be loaded: ${(cause as Error).message}`, {
      hint: 'install it with npm install onnxruntime-node, or hand it in as the option ort.',
      cause,
    })
  }
}
