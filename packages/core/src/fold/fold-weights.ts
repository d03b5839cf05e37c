import { flattened } from '@pare/axes'
import { bytesOf, elementCount, isFloat, type Model, makePayload, PareError, readAll, valuesOf } from '@pare/onnx'
import type { NotEligible } from '../contract/contract.js'
import { fixedSizes } from './fixed-sizes.js'
import { type Foldable, type FoldableOptions, foldablesIn, labelOf, notFolded, type UnfoldedWeight } from './foldable.js'
import { type ComputedConstant, foldedModel, originsOf, type StoredFold } from './folded-model.js'
import { type FoldingPart, partsOf } from './parts.js'

/**
 * Runs models that have no inputs, one after another, and gives the outputs of each in order; for a model that the run time cannot run, why. Handed in: core has
 * no run time.
 */
export type ComputeConstants = (
  models: readonly Model[],
) => Promise<readonly (readonly ComputedConstant[] | { readonly failure: string })[]>

/** A weight that the graph computed from constants, and that is stored now. */
export interface FoldedWeight {
  /** Name of the initializer. */
  readonly id: string
  /** The value it stands for. */
  readonly value: string
  /** The node that reads it: "Conv 'conv1'". */
  readonly reader: string
  /** Names of the tensors it was computed from, without small ones. */
  readonly sources: readonly string[]
  /** The operators that computed it, each once, in order. */
  readonly operators: readonly string[]
  /** Whether it is multiplied with activations; else it stands beside a weight. */
  readonly isWeight: boolean
}

export interface FoldedModel {
  /** The same object where there was nothing to fold. */
  readonly model: Model
  readonly weights: readonly FoldedWeight[]
  /** Computed weights that stay as they are, and why. */
  readonly left: readonly Pick<NotEligible, 'id' | 'reason'>[]
}

export interface FoldOptions extends Pick<FoldableOptions, 'mergeAdapters'> {
  /** Values to be folded, and no others. Default: all that can be */
  readonly only?: ReadonlySet<string>
}

/**
 * The model with every weight that it computes from constants alone stored as an initializer, and without the nodes and tensors that only led to it: weights that
 * are normalised, masked, sliced, stacked, transposed or merged in the graph. The numbers are those that `compute` gives. Weights made of integers stay as they
 * are, and those whose tensors are read in another form too. In branches of If and bodies of Loop and Scan it is the same.
 */
export async function foldWeights(whole: Model, compute: ComputeConstants, options: FoldOptions = {}): Promise<FoldedModel> {
  // Branches and bodies of loops are written out: what is computed in them goes by its way to it.
  const { model, nest } = flattened(whole)
  const folded = await foldFlat(model, compute, options)
  return { ...folded, model: nest(folded.model) }
}

async function foldFlat(model: Model, compute: ComputeConstants, { only, ...options }: FoldOptions): Promise<FoldedModel> {
  const sizes = await fixedSizes(model)
  const { foldable, left } = foldablesIn(model, { ...options, sizes })
  const wanted = only === undefined ? foldable : foldable.filter(({ value }) => only.has(value))
  if (wanted.length === 0) return { model, weights: [], left: left.map(notEligible) }
  const parts = partsOf(model, wanted)
  const results = await compute(parts.map((part) => part.model))
  const folds: StoredFold[] = []
  const failures: UnfoldedWeight[] = []
  for (const [i, part] of parts.entries()) {
    const { good, bad } = await judged(part, results[i]!)
    folds.push(...good)
    failures.push(...bad)
  }
  const order = new Map(wanted.map((each, i) => [each, i]))
  folds.sort((a, b) => order.get(a.foldable)! - order.get(b.foldable)!)
  const { untied, tied } = withoutTied(folds)
  const folded = foldedModel(model, untied)
  return {
    model: folded.model,
    weights: untied.map(({ foldable: each }, i) => factsOf(each, folded.names[i]!)),
    left: [...left, ...failures, ...tied].map(notEligible),
  }
}

async function judged({ foldable }: FoldingPart, result: readonly ComputedConstant[] | { readonly failure: string }) {
  const good: StoredFold[] = []
  const bad: UnfoldedWeight[] = []
  for (const [i, each] of foldable.entries()) {
    const computed = 'failure' in result ? undefined : result[i]
    const reason = 'failure' in result ? `the run time cannot compute it: ${result.failure}` : undefined
    if (computed !== undefined && each.isWeight && isVector(each, computed)) continue
    if (computed !== undefined && isFloat(computed.type))
      good.push({ foldable: each, computed: each.type === 'bfloat16' ? await halved(computed) : computed })
    else if (each.isWeight) bad.push(notFolded(each, reason ?? `it holds ${computed?.type}`))
  }
  return { good, bad }
}

function notEligible({ value, source, reason }: UnfoldedWeight): Pick<NotEligible, 'id' | 'reason'> {
  return { id: source ?? value, reason }
}

/** bf16 that was computed as f32. */
async function halved({ shape, data }: ComputedConstant): Promise<ComputedConstant> {
  const values = valuesOf('float32', await readAll(data)) as Float32Array
  return { type: 'bfloat16', shape, data: makePayload(bytesOf('bfloat16', values)) }
}

/** Frequencies of positions, for one: they are multiplied like a weight, and are a list of numbers. A kernel of a convolution may have one axis and be a weight. */
function isVector({ reader }: Foldable, { shape }: ComputedConstant): boolean {
  return !reader.op.includes('Conv') && shape.filter((size) => size > 1).length < 2
}

/**
 * Weights that are made of the same tensors and have more elements together than these: the tensor stands in several of them, and pruned each on its own they
 * would be tied no longer. Slices of one tensor are not tied.
 */
function withoutTied(folds: readonly StoredFold[]): { untied: readonly StoredFold[]; tied: readonly UnfoldedWeight[] } {
  const groups = new Map<string, StoredFold[]>()
  for (const fold of folds) {
    const names = originsOf(fold).map(({ name }) => name)
    if (!fold.foldable.isWeight || names.length === 0) continue
    const key = JSON.stringify(names.sort())
    groups.set(key, [...(groups.get(key) ?? []), fold])
  }
  const tied = new Map<StoredFold, UnfoldedWeight>()
  for (const group of groups.values()) {
    const elements = group.reduce((sum, { computed }) => sum + elementCount(computed.shape), 0)
    const [first] = originsOf(group[0]!)
    if (group.length === 1 || elements <= elementCount(first!.tensor.shape)) continue
    const readers = group.map(({ foldable }) => labelOf(foldable.reader)).join(' and ')
    for (const fold of group)
      tied.set(
        fold,
        notFolded(fold.foldable, `'${first!.name}' would be stored more than once: ${readers} read it in different forms`),
      )
  }
  return { untied: folds.filter((fold) => !tied.has(fold)), tied: [...tied.values()] }
}

function factsOf({ value, reader, nodes, sources, sparse, isWeight }: Foldable, id: string): FoldedWeight {
  const names = sources.filter(({ tensor }) => isFloat(tensor.type) && elementCount(tensor.shape) > 1).map(({ name }) => name)
  return {
    id,
    value,
    reader: labelOf(reader),
    sources: [...names, ...sparse],
    operators: [...new Set(nodes.filter(({ op }) => op !== 'Constant').map(({ op }) => op))],
    isWeight,
  }
}

/**
 * Throws where a plan was made for a model whose weights are folded, and this one's are not, or other ones. `folded`: those of the model that the plan is for.
 */
export function checkFolded(expected: readonly Pick<FoldedWeight, 'id' | 'value'>[], model: Model): void {
  const { graph } = flattened(model).model
  const stored = new Set(graph.initializers.map(({ name }) => name))
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs))
  const missing = expected.find(({ id, value }) => !stored.has(id) || (id !== value && made.has(value)))
  if (missing === undefined) return
  throw new PareError(
    `the plan was made for a model in which '${missing.value}' is stored as '${missing.id}', and this model computes it.`,
    { hint: 'fold its weights first: foldWeights(model, compute); pare replay does so.' },
  )
}
