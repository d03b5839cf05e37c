import type { ProductSite } from '../graph/sites.js'
import { openSession, type SessionParts } from './open.js'
import type { SparseSessionOptions } from './options.js'
import type { Feeds, Results } from './parts.js'
import { NOTHING, type SessionPlan } from './plan.js'
import { makePlan } from './planner.js'
import { openSplit, type SplitModel } from './split.js'

/**
 * A model that runs its sparse weights on kernels of ours where that is faster, and else on ONNX Runtime. It has the shape of ONNX Runtime's
 * `InferenceSession`. Results differ from the dense ones by rounding, except that a zero weight times an infinite or NaN input is 0 here.
 */
export class SparseSession implements AsyncDisposable {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** What was done in the last run, or will be in the next. */
  get plan(): SessionPlan {
    return this.#plan
  }
  /** The plans for all sizes of inputs so far. */
  get plans(): readonly SessionPlan[] {
    return [...this.#plans.values()]
  }

  readonly #parts: SessionParts
  readonly #plans = new Map<string, SessionPlan>()
  readonly #splits = new Map<string, Promise<SplitModel>>()
  #plan: SessionPlan

  private constructor(parts: SessionParts) {
    this.#parts = parts
    this.inputNames = parts.dense.inputNames
    this.outputNames = parts.dense.outputNames
    this.#plan = parts.fixed ?? { ...NOTHING, kind: 'dense', reason: 'nothing was run yet.' }
  }

  /** A model from its path, with external data beside it, or from its bytes. Throws PareError for what is no model. */
  static async create(model: string | Uint8Array, options: SparseSessionOptions = {}): Promise<SparseSession> {
    const parts = await openSession(model, options)
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

  async #planFor(feeds: Feeds): Promise<SessionPlan> {
    const { fixed, cache, sites } = this.#parts
    if (fixed !== undefined) return fixed
    const shapes = shapesOf(feeds)
    const earlier = this.#plans.get(shapes) ?? usable(cache?.find(shapes), sites)
    const plan = earlier ?? (await this.#measure(feeds, shapes))
    this.#plans.set(shapes, plan)
    this.#plan = plan
    return plan
  }

  async #measure(feeds: Feeds, shapes: string): Promise<SessionPlan> {
    const { parts, sites, dense, cache, outlook } = this.#parts
    const planning = { parts: parts!, outlook, sites, dense, splitFor: (ids: readonly string[]) => this.#splitFor(ids) }
    try {
      const plan = await makePlan(planning, feeds, shapes)
      await cache?.keep(plan)
      return plan
    } catch (error) {
      // Whatever stands in the way of sparse, dense still works, or says what is wrong with the inputs.
      return { ...NOTHING, shapes, kind: 'dense', reason: `it cannot run in parts: ${(error as Error).message}` }
    }
  }

  #splitFor(ids: readonly string[]): Promise<SplitModel> {
    const key = ids.join('\n')
    const { parts, sites } = this.#parts
    const earlier = this.#splits.get(key)
    if (earlier !== undefined) return earlier
    const choice = new Set(ids)
    const split = openSplit(
      parts!,
      sites.filter(({ id }) => choice.has(id)),
    )
    this.#splits.set(key, split)
    split.catch(() => this.#splits.delete(key))
    return split
  }
}

/** A plan from a file, if all its products are there. */
function usable(plan: SessionPlan | undefined, sites: readonly ProductSite[]): SessionPlan | undefined {
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
