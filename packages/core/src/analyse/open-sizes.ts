import { allSizes, type Model, PareError, type ShapeOptions, type Symbols, symbolsOf, type ValueInfo } from '@pare/onnx'
import { countingNodes } from './data-counts.js'

/**
 * Sizes of axes that a model leaves open: by their names, or as 'input[axis]' where they have none; and by the name of a node how many it gives of what only data
 * decide, as NonMaxSuppression does.
 */
export type AxisSizes = Readonly<Record<string, number>>

/** The sizes that a model leaves open and that do not follow from others, and what they are of. */
export interface OpenAxes {
  /** Height and width of images. */
  readonly images: readonly string[]
  /** First axes of inputs, and of them only. */
  readonly batches: readonly string[]
  /** Positions in sequences and the like. */
  readonly others: readonly string[]
}

/** Told apart by name, and by what an image looks like: f32[batch, channels, height, width], or with few channels behind. */
export async function openAxesOf(model: Model): Promise<OpenAxes> {
  const symbols = await symbolsOf(model)
  const inputs = inputsOf(model)
  const axes = inputs.flatMap((input) => openIn(input).map(({ key, axis }) => ({ input, key, axis })))
  const tokens = new Set(axes.filter(({ input }) => !isFloats(input)).map(({ key }) => key))
  const named = axes.filter(({ key }) => !symbols.tied.has(key))
  const isImage = ({ input, key, axis }: (typeof axes)[number]) => !tokens.has(key) && isSide(input, axis)
  const images = new Set(named.filter(isImage).map(({ key }) => key))
  const inner = new Set(axes.filter(({ axis }) => axis > 0).map(({ key }) => key))
  const batches = new Set(named.filter(({ axis, key }) => axis === 0 && !inner.has(key)).map(({ key }) => key))
  const all = new Set([...named.map(({ key }) => key), ...symbols.free])
  return {
    images: [...images],
    batches: [...batches],
    others: [...all].filter((key) => !images.has(key) && !batches.has(key)),
  }
}

/** Throws PareError where `sizes` names a size that the model does not leave open. */
export async function requireOpen(model: Model, sizes: AxisSizes): Promise<void> {
  const { tied } = await symbolsOf(model)
  const { images, batches, others } = await openAxesOf(model)
  const open = [...images, ...batches, ...others]
  const counted = new Set([...countingNodes(model).values()].map(({ name }) => name))
  const unknown = Object.keys(sizes).find((name) => !open.includes(name) && !tied.has(name) && !counted.has(name))
  if (unknown === undefined) return
  throw new PareError(`the model leaves no size '${unknown}' open.`, {
    hint: `sizes that can be given with --dims: ${open.join(', ') || 'none'}.`,
  })
}

/** How shapes are inferred at these sizes. */
export async function shapeOptionsAt(model: Model, sizes: AxisSizes): Promise<ShapeOptions> {
  const symbols = await symbolsOf(model)
  const dims = allSizes(symbols, sizes)
  const unnamed = inputsOf(model).filter(({ shape }) => shape?.includes(undefined))
  const inputs = unnamed.map((input) => [input.name, shapeAt(input, { dims, symbols })] as const)
  return { dims, inputs: Object.fromEntries(inputs) }
}

function shapeAt({ name, shape = [] }: ValueInfo, { dims, symbols }: { dims: AxisSizes; symbols: Symbols }): readonly number[] {
  const ones = allSizes(symbols, { ...Object.fromEntries(symbols.free.map((symbol) => [symbol, 1])), ...dims })
  return shape.map((size, axis) => (typeof size === 'number' ? size : (ones[size ?? `${name}[${axis}]`] ?? 1)))
}

function inputsOf({ graph }: Model): readonly ValueInfo[] {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  return graph.inputs.filter(({ name }) => !stored.has(name))
}

function openIn({ name, shape = [] }: ValueInfo): { key: string; axis: number }[] {
  return shape.flatMap((size, axis) => (typeof size === 'number' ? [] : [{ key: size ?? `${name}[${axis}]`, axis }]))
}

const isFloats = ({ type }: ValueInfo) => /float|^uint8$/.test(type ?? '')

/** Whether an axis of an input is the height or width of an image. */
function isSide(input: ValueInfo, axis: number): boolean {
  const { name, shape = [] } = input
  const size = shape[axis]
  if (!isFloats(input) || shape.length < 3 || axis === 0) return false
  const label = typeof size === 'string' ? size : ''
  if (/(^|[_.])(height|width|h|w)($|[_.\d])/i.test(label)) return true
  if (shape.length !== 4 || /mask|past|cache|key|value|bias/i.test(name) || /seq|past|token|len|frame|time|head/i.test(label))
    return false
  const isOpen = (at: number) => typeof shape[at] !== 'number'
  const isBehind = typeof shape[3] === 'number' && shape[3] <= 4 && isOpen(1) && isOpen(2)
  if (isBehind) return axis === 1 || axis === 2
  return axis >= 2 && ((isOpen(2) && isOpen(3)) || shape[1] === 3)
}
