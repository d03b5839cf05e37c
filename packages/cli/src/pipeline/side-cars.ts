import { basename, dirname, join } from 'node:path'
import type { PlanStep, Structure } from '@pare/core'
import { parseJson, readRegular } from '@pare/onnx'
import { refuseOutside } from '../settings/workspace.js'

/** Files beside a model that tell run times its sizes. */
const NAMES = ['config.json', 'genai_config.json']

/** Above this nobody wrote it by hand, and nothing is read. */
const LIMIT = 1 << 20

export interface SideCarOptions {
  /** Whose units were cut: they know the keys that count them. */
  readonly structures: readonly Structure[]
  /** Files outside of it are not read. Default: there is no such limit */
  readonly workspace?: string | undefined
}

/**
 * What files beside a model say of sizes that a plan changes. They are only read: which of them run times look at, and for which layers, the user
 * knows.
 */
export async function sideCarWarnings(
  model: string,
  steps: readonly PlanStep[],
  { structures, workspace }: SideCarOptions,
): Promise<string[]> {
  const changes = changesOf(steps)
  if (changes.every(({ before, after }) => before === after)) return []
  const counts = new Map(structures.map(({ name, counts = [] }) => [name, new Set(counts)]))
  const warnings: string[] = []
  for (const { name, text } of await sideCars(dirname(model), workspace)) {
    const json = parse(text)
    warnings.push(...(json === undefined ? [notJson(name)] : disagreements(name, countsIn(json), { changes, counts })))
  }
  return warnings
}

/** How many units a group had and has. */
interface Change {
  readonly structure: string
  readonly before: number
  readonly after: number
}

/** One for each group that was looked at, those that lost nothing included. */
function changesOf(steps: readonly PlanStep[]): Change[] {
  const changes = new Map<string, Change>()
  for (const step of steps) {
    if (step.kind !== 'cut') continue
    for (const { id, units, removed } of step.groups) {
      const key = `${step.structure}\n${id}`
      const before = changes.get(key)?.before ?? units
      changes.set(key, { structure: step.structure, before, after: units - removed.length })
    }
  }
  return [...changes.values()]
}

/** Beside the model, or above a folder named onnx, where Hugging Face keeps it. */
async function sideCars(folder: string, workspace: string | undefined): Promise<{ name: string; text: string }[]> {
  const files: { name: string; text: string }[] = []
  for (const [shown, place] of [['', folder], ...(basename(folder) === 'onnx' ? [['../', dirname(folder)]] : [])]) {
    for (const name of NAMES) {
      const path = join(place!, name)
      const isOurs = await refuseOutside(path, name, workspace).then(
        () => true,
        () => false,
      )
      if (!isOurs) continue
      const bytes = await readRegular(path, { maxBytes: LIMIT }).catch(() => undefined)
      if (bytes !== undefined) files.push({ name: `${shown}${name}`, text: bytes.toString('utf8') })
    }
  }
  return files
}

function parse(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

function notJson(name: string): string {
  return `${name} beside the model is not JSON, so it was not compared with what was cut: check the numbers of heads, layers and sizes in it.`
}

interface Count {
  /** 'model.decoder.num_attention_heads' */
  readonly place: string
  readonly key: string
  readonly value: number
  /** Of the same object: what its heads share. */
  readonly keyValueHeads: number | undefined
}

/** Whole numbers under known keys, at any depth that such files have. */
function countsIn(json: unknown, path = '', depth = 0): Count[] {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || depth > 4) return []
  const fields = Object.entries(json)
  const shared = fields.find(([key]) => key === 'num_key_value_heads' || key === 'num_kv_heads')?.[1]
  const keyValueHeads = Number.isSafeInteger(shared) ? (shared as number) : undefined
  return fields.flatMap(([key, value]) => {
    const place = path === '' ? key : `${path}.${key}`
    if (Number.isSafeInteger(value)) return [{ place, key, value: value as number, keyValueHeads }]
    return countsIn(value, place, depth + 1)
  })
}

interface Cut {
  readonly changes: readonly Change[]
  /** Keys that count units, by structure. */
  readonly counts: ReadonlyMap<string, ReadonlySet<string>>
}

function disagreements(name: string, counts: readonly Count[], cut: Cut): string[] {
  return counts.flatMap((count) => {
    const now = valuesNow(count, cut)
    if (now.length === 0 || now.every((value) => value === count.value)) return []
    const [least, most] = [Math.min(...now), Math.max(...now)]
    const says = `${name} says ${count.place} is ${count.value}, and the pruned model has`
    return least === most
      ? [`${says} ${least}: change it in the copy that goes with the pruned model.`]
      : [`${says} ${least} to ${most}: it differs between layers, and one number cannot say it; --uniform makes them equal.`]
  })
}

/** What the number would have to be for each group that it counts. */
function valuesNow({ key, value, keyValueHeads }: Count, { changes, counts }: Cut): number[] {
  return changes.flatMap(({ structure, before, after }) => {
    if (!counts.get(structure)?.has(key)) return []
    // A unit may be a key-value head with all the queries that share it, or one query of each key-value head.
    const shared = value % before === 0 && (keyValueHeads === before || keyValueHeads === value / before)
    return before === value || shared ? [(value / before) * after] : []
  })
}
