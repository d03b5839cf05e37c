import { allSizes, PareError, type Symbols, symbolsIn } from '@pare/onnx'
import { canFill } from '../../data/fill.js'
import type { ModelValue } from '../../data/model-value.js'
import { describe, type NdArray } from '../../data/ndarray.js'
import { problemsError } from '../../data/problems.js'
import type { Integers } from '../counted.js'
import { makeUp, pastSymbols } from '../made-up.js'

/** A model as far as its inputs go. */
export interface ModelInputs {
  readonly name: string
  readonly inputs: readonly ModelValue[]
}

/** A model and which of its sizes follow from others. */
export interface SizedModel extends ModelInputs {
  readonly symbols: Symbols
}

/** What the graph of a model tells of its inputs. */
export interface InputFacts {
  readonly integers: Integers
  readonly symbols: Symbols
}

/** Size of each axis that a model leaves open: by its name, or as 'input[axis]' where it has none. */
export type OpenSizes = Readonly<Record<string, number>>

/** Short enough for every table of positions. */
const SEQUENCE = 16
/** What image networks are usually trained on. */
const IMAGE = 224

/**
 * Throws PareError, with everything that differs, unless both models take the same inputs. Caches may differ: cutting
 * heads makes them smaller, cutting layers takes them away.
 */
export function checkSameInputs(reference: ModelInputs, pruned: ModelInputs): void {
  const problems: string[] = []
  const others = new Map(pruned.inputs.map((input) => [input.name, input]))
  for (const input of reference.inputs) {
    const other = others.get(input.name)
    others.delete(input.name)
    if (other === undefined && canFill(input)) continue
    if (other === undefined) problems.push(`${pruned.name} has no input '${input.name}'.`)
    else if (!alike(input, other)) {
      problems.push(
        `input '${input.name}' is ${describe(input.type, input.shape)} in ${reference.name} and ${describe(other.type, other.shape)} in ${pruned.name}.`,
      )
    }
  }
  for (const name of others.keys()) problems.push(`${reference.name} has no input '${name}'.`)
  if (problems.length > 0)
    throw problemsError('bench', problems, 'compare a model with one that was made from it: both must take the same inputs.')
}

function alike(a: ModelValue, b: ModelValue): boolean {
  if (a.type !== b.type || a.shape.length !== b.shape.length) return false
  return (
    canFill(a) ||
    a.shape.every((size, axis) => isFixed(size) === isFixed(b.shape[axis]!) && (!isFixed(size) || size === b.shape[axis]))
  )
}

/** The batch that a model's inputs have for good, if they do: the size of their first axes. */
export function fixedBatch({ inputs }: ModelInputs): number | undefined {
  const batched = inputs.filter(({ shape }) => shape.length > 1)
  const first = batched[0]?.shape[0]
  return typeof first === 'number' && batched.every(({ shape }) => shape[0] === first) ? first : undefined
}

/**
 * Sizes of all open axes: `dims` where it names them, the batch where a name stands on first axes only, an empty past, height and width of an image,
 * else a short sequence. Sizes that follow from others are left out, unless `dims` names them.
 */
export function sizesFor({ name, inputs, symbols }: SizedModel, batch: number, dims: OpenSizes): OpenSizes {
  const past = pastSymbols(inputs, symbols)
  const inner = new Set(inputs.flatMap(({ shape }) => shape.slice(1)))
  const sizes: Record<string, number> = {}
  const size = (key: string, usual: number): void => {
    const from = Object.hasOwn(dims, key) ? undefined : symbols.tied.get(key)
    if (from === undefined) sizes[key] ??= dims[key] ?? (past.has(key) ? 0 : usual)
    else for (const part of symbolsIn(from)) size(part, inputs.some(({ shape }) => shape[0] === part) ? batch : SEQUENCE)
  }
  for (const input of inputs)
    for (const axis of input.shape.keys()) {
      if (isFixed(input.shape[axis]!)) continue
      const isBatch = axis === 0 && (input.shape[0] === '' || !inner.has(input.shape[0]!))
      size(keyOf(input, axis), isBatch ? batch : isImage(input, axis) ? IMAGE : SEQUENCE)
    }
  const unknown = Object.keys(dims).filter((key) => !(key in sizes))
  if (unknown.length === 0) return sizes
  throw new PareError(`${name} leaves no size '${unknown[0]}' open.`, {
    hint: `sizes that can be given: ${Object.keys(sizes).join(', ') || 'none'}.`,
  })
}

/** Values for all inputs, with these sizes. */
export function inputsOf({ inputs }: ModelInputs, sizes: OpenSizes, { integers, symbols }: InputFacts): Record<string, NdArray> {
  const all = allSizes(symbols, sizes)
  const sized = inputs.map((input) => ({
    ...input,
    shape: input.shape.map((size, axis) => (isFixed(size) ? size : (all[keyOf(input, axis)] ?? SEQUENCE))),
  }))
  return makeUp(sized, { sizes: [1, 1, 0], run: 0, integers, symbols })
}

function isFixed(size: number | string): size is number {
  return typeof size === 'number' && size >= 0
}

function keyOf({ name, shape }: ModelValue, axis: number): string {
  const size = shape[axis]
  return typeof size === 'string' && size !== '' ? size : `${name}[${axis}]`
}

function isImage({ type, shape }: ModelValue, axis: number): boolean {
  return /float/.test(type) && shape.length === 4 && axis >= 2
}
