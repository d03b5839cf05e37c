import { type Axis, type Dependencies, factorsOf, findDependencies, partsOf, rootOf } from '@pare/axes'
import { type Model, reachedFrom, type ValueInfo } from '@pare/onnx'

/** An input [batch, seq] that says which positions of the samples count: where it is 0, a position only fills its sample up. */
export interface Mask {
  readonly name: string
  /** The input of which it tells the positions: of a mask that covers a cache too, the last ones. */
  readonly tokens: string | undefined
  /** Whether the model lacks it, so that it is to be added. */
  readonly added: boolean
}

/** How the rows of a value, all its axes but those of positions flattened, follow a mask: each factor of their number, the outermost first. */
export interface MaskLayout {
  readonly mask: Mask
  readonly factors: readonly ('batch' | 'seq' | number)[]
}

/** Where padding is in the values of a model. */
export interface Padding {
  readonly masks: readonly Mask[]
  /**
   * Of the rows of a value apart from some axes. 'none': no position of theirs is left out, so all count. 'unmasked': some may be, and which ones does not
   * follow from the model.
   */
  layoutOf(value: string, axes: readonly number[]): MaskLayout | 'none' | 'unmasked'
}

/**
 * Follows the axes of masks through a model, as dependencies know them: to [batch · seq, width], [batch, heads, seq, headDim] and whatever else comes of
 * Reshape and Transpose. Undefined for a model without a mask; where `fillsMask`, one that takes token ids can be given a mask.
 */
export async function findPadding(model: Model, { fillsMask }: { readonly fillsMask: boolean }): Promise<Padding | undefined> {
  const masks = masksOf(model, fillsMask)
  if (masks.length === 0) return undefined
  const dependencies = await findDependencies(model)
  const traced = masks.map((mask) => traceMask(model, mask, dependencies))
  return {
    masks,
    layoutOf(value, apart) {
      const touched = traced.filter(({ reaches }) => reaches.has(value))
      const layouts = touched.map((trace) => layoutIn(trace, dependencies, { value, apart }))
      return layouts.find((layout) => typeof layout === 'object') ?? (layouts.includes('unmasked') ? 'unmasked' : 'none')
    },
  }
}

const MASK = /^(.*)attention_mask$/

function masksOf({ graph }: Model, fillsMask: boolean): Mask[] {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  const inputs = graph.inputs.filter(({ name }) => !stored.has(name))
  const masks = inputs.filter(({ name }) => MASK.test(name))
  if (masks.length > 0) return masks.map(({ name }) => ({ name, tokens: tokensFor(name, inputs), added: false }))
  const tokens = inputs.find(({ name, type, shape }) => name === 'input_ids' && /int/.test(type ?? '') && shape?.length === 2)
  return tokens === undefined || !fillsMask ? [] : [{ name: 'attention_mask', tokens: tokens.name, added: true }]
}

/** 'decoder_attention_mask' goes with 'decoder_input_ids' or 'decoder_inputs_embeds'. */
function tokensFor(mask: string, inputs: readonly ValueInfo[]): string | undefined {
  const [, prefix = ''] = MASK.exec(mask) ?? []
  return ['input_ids', 'inputs_embeds']
    .map((name) => `${prefix}${name}`)
    .find((name) => inputs.some((input) => input.name === name))
}

/** What a mask's axes are, wherever they occur, and what its samples reach. */
interface Trace {
  readonly mask: Mask
  /** Factors of an axis of samples, and of an axis of positions. Undefined where the mask is no [batch, seq]. */
  readonly axes: { readonly batch: readonly Axis[][]; readonly seq: readonly Axis[][] } | undefined
  /** Positions of a sample, where the model takes no other number. */
  readonly fixedSeq: number | undefined
  /** Names of values that are computed from what the mask tells of. */
  readonly reaches: ReadonlySet<string>
}

function traceMask(model: Model, mask: Mask, { values, isFixed }: Dependencies): Trace {
  const own = mask.added ? values.get(mask.tokens!) : values.get(mask.name)
  const tokens = mask.tokens === undefined ? undefined : values.get(mask.tokens)
  const alike = companionsOf(model, mask)
  const reaches = reachedFrom(model.graph, [mask.name, ...(mask.tokens === undefined ? [] : [mask.tokens]), ...alike])
  if (own?.length !== 2) return { mask, axes: undefined, fixedSeq: undefined, reaches }
  const leading = [own, ...(tokens === undefined ? [] : [tokens]), ...alike.map((name) => values.get(name) ?? [])]
  const [batch, seq] = [0, 1].map((i) => leading.flatMap((axes) => (axes[i] === undefined ? [] : [axes[i]])))
  // The positions of the tokens are the last ones of a mask that covers a cache too.
  const last = tokens === undefined ? [] : partsOf(own[1]!).slice(-1)
  const size = (tokens ?? own)[1]!.size
  const positions = [...seq!, ...last].filter((axis) => axis.size === size)
  const fixedSeq = size > 1 && isFixed(mask.tokens ?? mask.name, 1) ? size : undefined
  return { mask, axes: { batch: batch!.map(factorsOf), seq: positions.map(factorsOf) }, fixedSeq, reaches }
}

/** Inputs whose first two axes are declared like those of the mask: they are of the same samples and positions. */
function companionsOf({ graph }: Model, { name }: Mask): string[] {
  const [batch, seq] = graph.inputs.find((input) => input.name === name)?.shape ?? []
  if (batch === undefined || seq === undefined) return []
  return graph.inputs.flatMap((input) =>
    input.name !== name && input.shape?.[0] === batch && input.shape[1] === seq ? [input.name] : [],
  )
}

function layoutIn(
  { mask, axes, fixedSeq }: Trace,
  { values, isFixed }: Dependencies,
  { value, apart }: { readonly value: string; readonly apart: readonly number[] },
): MaskLayout | 'none' | 'unmasked' {
  const all = values.get(value)
  if (axes === undefined || all === undefined) return 'unmasked'
  const others = new Set(apart.map((axis) => (axis < 0 ? axis + all.length : axis)))
  const factors: (MaskLayout['factors'][number] | 'unknown')[] = []
  for (const [i, each] of all.entries()) {
    if (others.has(i) || each.size === 1) continue
    const named = namedFactors(each, axes)
    if (named !== undefined) factors.push(...named)
    else factors.push(isFixed(value, i) ? each.size : 'unknown')
  }
  const count = (kind: 'batch' | 'seq') => factors.filter((factor) => factor === kind).length
  // The positions may be an axis that was lost sight of.
  const mayHide = (factor: (typeof factors)[number]) =>
    factor === 'unknown' || (typeof factor === 'number' && fixedSeq !== undefined && factor % fixedSeq === 0)
  if (count('seq') === 0) return factors.some(mayHide) ? 'unmasked' : 'none'
  if (count('seq') > 1 || count('batch') > 1 || factors.includes('unknown')) return 'unmasked'
  const isSingle = axes.batch.some((batch) => batch.length === 1 && batch[0]!.size === 1)
  if (count('batch') === 0 && !isSingle) return 'unmasked'
  const names = factors as MaskLayout['factors'][number][]
  return { mask, factors: count('batch') === 0 ? ['batch', ...names] : names }
}

/** The factors of an axis, where each is the axis of samples or that of positions. */
function namedFactors(axis: Axis, axes: NonNullable<Trace['axes']>): ('batch' | 'seq')[] | undefined {
  const factors = factorsOf(axis).map(rootOf)
  const named: ('batch' | 'seq')[] = []
  for (let i = 0; i < factors.length; ) {
    const startsWith = (parts: readonly Axis[]) => parts.length > 0 && parts.every((part, k) => rootOf(part) === factors[i + k])
    const [batch, seq] = [axes.batch.find(startsWith), axes.seq.find(startsWith)]
    const match = batch ?? seq
    if (match === undefined) return undefined
    named.push(batch === undefined ? 'seq' : 'batch')
    i += match.length
  }
  return named
}
