import { parseJson, present } from '@pare/onnx'
import type { KeptLayers, Side, SizeChange } from './changes.js'
import { editJson, type JsonEdit } from './json-text.js'
import { IMPLIED_NEURONS, isSameSide, LAYER_LISTS, READS_HEAD_DIM, SIZE_NAMES, sideOf } from './size-names.js'
import type { AttentionCache, SizeKind } from './sizes.js'

/** What the models of a folder became. */
export interface Outcome {
  readonly changes: readonly SizeChange[]
  readonly layers: readonly KeptLayers[]
  readonly caches: readonly AttentionCache[]
  /** Whether what reads the file makes the model by it, and does not find it in a graph. Default: false */
  readonly isCheckpoint?: boolean
}

/** A number or list that was changed in a file beside a model. */
export interface ConfigEdit {
  /** 'model.decoder.num_attention_heads' */
  readonly key: string
  /** Null: the key was not there, or null. */
  readonly before: unknown
  readonly after: unknown
}

export interface EditedConfig {
  readonly text: string
  readonly edits: readonly ConfigEdit[]
  /** What one number would have to say of layers that differ. */
  readonly conflicts: readonly Conflict[]
  readonly warnings: readonly string[]
}

/** A key that holds one number, and what the layers have. */
export interface Conflict {
  readonly key: string
  readonly before: number
  /** By what they have now: the layers, by the weight that is sliced there. */
  readonly places: ReadonlyMap<number, readonly string[]>
}

/** A file beside a model as it has to be for what the models became. `name` is what warnings call it. Undefined: it is no object in JSON. */
export function editConfig(name: string, text: string, outcome: Outcome): EditedConfig | undefined {
  const json = parsed(text)
  if (json === undefined) return undefined
  const draft: Draft = { name, outcome, edits: [], conflicts: [], warnings: [], kinds: new Set() }
  walk(json, [], draft)
  draft.warnings.push(...unknownSizes(json, draft))
  const { edits, conflicts, warnings } = draft
  const shown = edits.map(({ path, value, before }) => ({ key: path.join('.'), before: before ?? null, after: value }))
  return { text: editJson(text, edits), edits: shown, conflicts, warnings }
}

interface Draft {
  readonly name: string
  readonly outcome: Outcome
  readonly edits: (JsonEdit & { readonly before: unknown })[]
  readonly conflicts: Conflict[]
  readonly warnings: string[]
  /** Sizes that the file holds under a name that is known. */
  readonly kinds: Set<SizeKind>
}

type Json = Readonly<Record<string, unknown>>

function parsed(text: string): Json | undefined {
  try {
    const value = parseJson(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const factOf = (key: string) => (Object.keys(SIZE_NAMES) as SizeKind[]).find((fact) => SIZE_NAMES[fact].includes(key))

/** Nothing that holds sizes is nested deeper. */
const MOST_DEEP = 5

function walk(object: Json, path: readonly string[], draft: Draft): void {
  const now = new Map<SizeKind, number>()
  const implied = IMPLIED_NEURONS.width in object && !SIZE_NAMES.neurons.some((key) => key in object)
  for (const [key, value] of Object.entries(implied ? { ...object, [IMPLIED_NEURONS.key]: null } : object)) {
    const at = [...path, key]
    if (isObject(value) && path.length < MOST_DEEP) walk(value, at, draft)
    if (LAYER_LISTS.includes(key) && Array.isArray(value)) editList(value, at, draft, sideOf(at, Object.keys(object)))
    const fact = factOf(key)
    if (fact === undefined || fact === 'headDim') continue
    const held = heldBy(object, fact, value, draft)
    if (held === undefined) continue
    draft.kinds.add(fact)
    const behind = key in object ? {} : { behind: IMPLIED_NEURONS.width }
    const after = editNumber({ fact, held, path: at, isWritten: value === held, ...behind }, object, draft)
    if (after !== undefined) now.set(fact, after)
  }
  writeHeadDim(object, { path, now }, draft)
}

/** The number under a key; where it is null, the one that it stands for. */
function heldBy(object: Json, fact: SizeKind, value: unknown, { outcome }: Draft): number | undefined {
  if (Number.isSafeInteger(value)) return value as number
  const width = object[IMPLIED_NEURONS.width]
  const isCut = outcome.changes.some(
    (change) => (change.fact === 'neurons' || change.fact === 'width') && change.before !== change.after,
  )
  return value === null && fact === 'neurons' && typeof width === 'number' && isCut ? IMPLIED_NEURONS.times * width : undefined
}

interface Size {
  readonly fact: Exclude<SizeKind, 'headDim'>
  readonly held: number
  readonly path: readonly string[]
  /** Whether it stands there as a number. */
  readonly isWritten: boolean
  /** The key behind which it is put, where there is none. */
  readonly behind?: string
}

/** What a number has to be now, edited where it is another. Undefined: the models do not tell. */
function editNumber({ fact, held, path, isWritten, behind }: Size, object: Json, draft: Draft): number | undefined {
  const { name, outcome, edits, conflicts, warnings } = draft
  const side = sideOf(path, Object.keys(object))
  const own = outcome.changes.filter((change) => change.fact === fact && isSameSide(change.side, side))
  const meant = own.filter(({ before }) => before === held)
  const places = new Map<number, string[]>()
  for (const { after, place } of meant) places.set(after, [...(places.get(after) ?? []), place])
  const [after, ...others] = places.keys()
  if (after === undefined) {
    const changed = own.find((change) => change.before !== change.after)
    if (changed !== undefined)
      warnings.push(
        `${name} says ${path.join('.')} is ${held}, and the model had ${changed.before} before it was cut: it is left as it is, and has to be checked.`,
      )
    return undefined
  }
  if (others.length > 0) conflicts.push({ key: path.join('.'), before: held, places })
  else if (after !== held || !isWritten)
    edits.push({ path, value: after, before: isWritten ? held : null, ...present({ behind }) })
  return after
}

/** Lists with an entry for each layer lose those of the layers that went. */
function editList(list: readonly unknown[], path: readonly string[], { outcome, edits }: Draft, side: Side): void {
  const own = outcome.layers.filter((stretch) => isSameSide(stretch.side, side) && stretch.before === list.length)
  const [stretch] = own
  if (stretch === undefined || own.length > 1 || stretch.kept.length === list.length) return
  edits.push({ path, value: stretch.kept.map((layer) => list[layer]), before: list })
}

function numberUnder(object: Json, fact: SizeKind): number | undefined {
  return SIZE_NAMES[fact].map((key) => object[key]).find((value) => Number.isSafeInteger(value)) as number | undefined
}

/** The width of a head is no longer the width of the model ÷ the heads once heads or columns went: then it is written out. */
function writeHeadDim(
  object: Json,
  { path, now }: { readonly path: readonly string[]; readonly now: ReadonlyMap<SizeKind, number> },
  { name, outcome, edits, warnings }: Draft,
): void {
  const [width, heads] = [numberUnder(object, 'width'), numberUnder(object, 'heads')]
  if (numberUnder(object, 'headDim') !== undefined || width === undefined || heads === undefined) return
  const headDim = width / heads
  const isImplied = (now.get('width') ?? width) / (now.get('heads') ?? heads) === headDim
  if (isImplied || !Number.isInteger(headDim)) return
  const behind = SIZE_NAMES.heads.find((key) => Number.isSafeInteger(object[key]))!
  const key = SIZE_NAMES.headDim[0]!
  edits.push({ path: [...path, key], value: headDim, before: object[key], ...(key in object ? {} : { behind }) })
  const type = object.model_type
  if (typeof type === 'string' && READS_HEAD_DIM.has(type)) return
  if (outcome.isCheckpoint === true)
    warnings.push(
      `${name} says now that head_dim is ${headDim}, and what loads '${String(type)}' may not read that: where the width of the model ÷ the heads is taken for it, tensors of attention have other shapes than are expected. Try it, or cut neurons or layers instead.`,
    )
  else if (outcome.caches.length > 0)
    warnings.push(
      `${name} says now that head_dim is ${headDim}, and run times may not read that of '${String(type)}': those that take the width of the model ÷ the heads for it make caches of another size than the model has. Try it, or cut neurons or layers instead.`,
    )
}

/** Keys that hold tokens, names and the like. */
const NO_SIZE = /token|ids?$|architectures|version|beams|position/

/** Sizes that changed and that no known key holds, where some number or list looks as if it held them. */
function unknownSizes(json: Json, { name, outcome, kinds }: Draft): readonly string[] {
  const changed = outcome.changes.filter(({ fact, before, after }) => before !== after && !kinds.has(fact))
  const numbers = new Map(changed.map(({ fact, before }) => [before, fact]))
  const layers = new Set(outcome.layers.filter(({ before, kept }) => kept.length < before).map(({ before }) => before))
  const alike = numbersIn(json, []).filter(({ key, value }) => {
    const last = key.split('.').at(-1)!
    if (NO_SIZE.test(last)) return false
    if (Array.isArray(value)) return layers.has(value.length) && value.length > 1 && !LAYER_LISTS.includes(last)
    return numbers.has(value as number) && factOf(last) === undefined
  })
  if (alike.length === 0) return []
  const keys = alike.map(({ key, value }) => `${key} (${Array.isArray(value) ? `${value.length} entries` : value})`)
  return [
    `${name} may hold sizes that the cut changed, under names that are not known: ${keys.join(', ')}. They are copied as they are: check them.`,
  ]
}

function numbersIn(object: Json, path: readonly string[]): { key: string; value: unknown }[] {
  return Object.entries(object).flatMap(([key, value]) => {
    const at = [...path, key]
    if (isObject(value)) return path.length < MOST_DEEP ? numbersIn(value, at) : []
    return Number.isSafeInteger(value) || Array.isArray(value) ? [{ key: at.join('.'), value }] : []
  })
}
