import { resolve } from 'node:path'
import type { BaseModel } from '@pare/gate'
import { present, writeWhole } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import { whyNotHashed } from '../engine/data-hash.js'
import type { Engine, Work } from '../engine/work.js'
import type { Task } from '../settings/task.js'
import { toJson } from '../terminal/context.js'
import { usage } from '../terminal/failure.js'
import { packageVersion } from '../terminal/version.js'
import { changesSince } from './changes.js'
import { changedParts, type Decisive, decidesTheSame, decisiveOf, unknownParts } from './decisive.js'
import { LOCK_NAME, type LockEntry, type LockFile, readLock } from './lock-file.js'
import { readSamples } from './locked-samples.js'

type ModelResult = RunResults['models'][number]

/** What a run does with lock files. */
export interface LockOptions {
  /** Whether the lock file of the current folder is written, once the run has ended. Default: false */
  readonly write?: boolean | undefined
  /** The lock file that is compared with, and what it is called in sentences. Default: that of the current folder, if there is one */
  readonly against?: 'none' | { readonly path: string; readonly name: string } | undefined
  /** What this run is called in sentences. Default: 'this run' */
  readonly name?: string | undefined
  /** Whether all models of the config are run: one that is missing is gone. Default: false */
  readonly isWhole?: boolean | undefined
  /** Whether the outcome of a model is taken from the lock file where nothing that decides it differs. Default: false */
  readonly carry?: boolean | undefined
}

/** The lock files of a run: what was known before, and what is known now. */
export class Ledger {
  readonly #entries = new Map<string, LockEntry>()
  readonly #decisive = new Map<string, Decisive>()
  readonly #yields = new Map<string, Promise<string>>()

  private constructor(
    private readonly options: LockOptions,
    private readonly place: { readonly path: string; readonly engine: Engine },
    private readonly own: LockFile | undefined,
    private readonly base: { readonly file: LockFile; readonly name: string } | undefined,
  ) {}

  static async open(options: LockOptions, { cwd, engine }: { readonly cwd: string; readonly engine: Engine }): Promise<Ledger> {
    const path = resolve(cwd, LOCK_NAME)
    const own = await readLock(path, LOCK_NAME)
    const { against } = options
    if (against === 'none') return new Ledger(options, { path, engine }, own, undefined)
    if (against === undefined) return new Ledger(options, { path, engine }, own, own && { file: own, name: 'the lock file' })
    const file = await readLock(resolve(cwd, against.path), against.path)
    if (file === undefined) throw usage(`pare run: there is no lock file ${against.path}.`, 'write one with: pare run --lock')
    return new Ledger(options, { path, engine }, own, { file, name: against.name })
  }

  /** To be called before a model is run: its outcome, where that is known and wanted so. */
  async begin(task: Task, work: Pick<Work, 'signal' | 'progress'>): Promise<ModelResult | undefined> {
    if (this.base === undefined && this.options.write !== true) return undefined
    const { engine } = this.place
    const decisive = await decisiveOf(task, engine, { ...work, engine, yields: this.#yields })
    this.#decisive.set(task.name, decisive)
    if (this.options.carry !== true || this.base === undefined) return undefined
    const { file, name } = this.base
    const entry = file.models[task.name]
    if (entry !== undefined && entry.result.verdict !== 'incomplete' && decidesTheSame(entry.decisive, decisive))
      return { ...entry.result, carried: true }
    work.progress.note(`${task.name}: not carried forward, since ${whyNotCarried(entry, decisive, name)}`)
    return undefined
  }

  /** What the lock file that is compared with tells of the model as it came out before. */
  baseOf(task: Task): BaseModel | undefined {
    const entry = this.base?.file.models[task.name]
    if (this.base === undefined || entry === undefined) return undefined
    const { name } = this.base
    const data = 'evaluation data'
    const now = this.#decisive.get(task.name)?.[data]
    const why = whyNotHashed(now) ?? whyNotHashed(entry.decisive[data])
    const obstacle =
      why === undefined
        ? `The evaluation data are not those of ${name}, so a regression was not judged.`
        : `Nothing tells whether the evaluation data are those of ${name} (${why}), so a regression was not judged.`
    const isSame = why === undefined && entry.decisive[data] === now
    const samples = readSamples(entry.samples)
    return { name, metrics: entry.result.pruned?.metrics ?? {}, samples, ...(!isSame && { obstacle }) }
  }

  /** To be called with what came out. */
  end(
    task: Task,
    {
      result,
      cost,
      samples,
    }: {
      readonly result: ModelResult
      readonly cost?: LockEntry['cost'] | undefined
      readonly samples?: LockEntry['samples'] | undefined
    },
  ): void {
    const decisive = this.#decisive.get(task.name)
    if (decisive === undefined) return
    // What is long, and decides nothing, stays in the results.
    this.#entries.set(task.name, {
      ...{ decisive, limits: task.demands ?? null, result: lockedPart(result) },
      ...present({
        cost: (cost && rounded(cost)) ?? this.costOf(task),
        // What is carried forward is what it was.
        samples: result.carried === true ? this.base?.file.models[task.name]?.samples : samples,
      }),
    })
  }

  /** What the model took in an earlier run, in seconds: the lock file of the current folder tells, else the one that is compared with. */
  costOf({ name }: Pick<Task, 'name'>): LockEntry['cost'] {
    return this.own?.models[name]?.cost ?? this.base?.file.models[name]?.cost
  }

  /** What is demanded less than in the lock file that is compared with. */
  against(): RunResults['against'] {
    if (this.base === undefined) return undefined
    const { file, name } = this.base
    const { name: ours = 'this run', isWhole = false } = this.options
    const changes = changesSince(file, { models: Object.fromEntries(this.#entries), isWhole }, { ours, theirs: name })
    return { name, changes: changes.map((each) => ({ ...each })) }
  }

  /** Writes the lock file, where that is wanted. Models that this run was not asked about stay as they were. */
  async write(): Promise<void> {
    if (this.options.write !== true) return
    const models = { ...(this.options.isWhole === true ? {} : this.own?.models), ...Object.fromEntries(this.#entries) }
    const sorted = Object.fromEntries(Object.entries(models).sort(([a], [b]) => (a < b ? -1 : 1)))
    await writeWhole(
      this.place.path,
      `${toJson({ schemaVersion: 1, pare: packageVersion(), models: sorted } satisfies LockFile)}\n`,
    )
  }
}

/** The end of a sentence. `name` is what the lock file is called. */
function whyNotCarried(entry: LockEntry | undefined, now: Decisive, name: string): string {
  if (entry === undefined) return `${name} does not have it`
  if (entry.result.verdict === 'incomplete') return `${name} has no verdict of it`
  const changed = changedParts(entry.decisive, now)
  if (changed.length > 0) return `not everything is as it was: ${changed.join(', ')}`
  const [first] = unknownParts(entry.decisive, now)
  return `nothing tells whether this is as it was: ${first!.part} (${first!.why})`
}

/** Two digits tell long from short, and do not change with every run. */
function rounded({ prune, measure }: NonNullable<LockEntry['cost']>): LockEntry['cost'] {
  return { prune: Number(prune.toPrecision(2)), measure: Number(measure.toPrecision(2)) }
}

const LEFT_OUT = [
  ...['layers', 'groups', 'declined', 'trainings', 'durationMs', 'carried', 'reuse', 'advice', 'named'],
  ...['classes', 'confusion', 'slices', 'changed', 'reliability'],
]

function lockedPart(result: ModelResult): ModelResult {
  return Object.fromEntries(Object.entries(result).filter(([field]) => !LEFT_OUT.includes(field))) as ModelResult
}
