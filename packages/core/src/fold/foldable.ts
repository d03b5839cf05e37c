import { WEIGHT_OPERATORS } from '@pare/axes'
import {
  attributesOf,
  type DataType,
  elementCount,
  isFloat,
  type Model,
  madeBy,
  type Node,
  operatorName,
  readBy,
  type Tensor,
} from '@pare/onnx'
import { type AdapterGraph, baseOfAdapter } from './adapter.js'
import { type ConstantValues, constantValues } from './constant-values.js'

/** A value that the graph computes from constants alone, and that an operator reads as its weight. */
export interface Foldable {
  readonly value: string
  /** The node that reads it, the first where there are several. */
  readonly reader: Node
  /** The nodes that lead to it, in order. None for a sparse initializer. */
  readonly nodes: readonly Node[]
  /** The tensors it is computed from. */
  readonly sources: readonly NamedTensor[]
  /** The sparse initializers it is computed from. */
  readonly sparse: readonly string[]
  /** As far as it follows from the operators. */
  readonly type: DataType | undefined
  /** Whether it is multiplied with activations; else it stands beside a weight, as a bias or a scale does. */
  readonly isWeight: boolean
}

/** A tensor by the name that it is read by: of a Constant node, that of its output. */
export interface NamedTensor {
  readonly name: string
  readonly tensor: Tensor
}

/** A computed weight that stays as it is. */
export interface UnfoldedWeight {
  readonly value: string
  /** The largest tensor it is computed from. Undefined where nothing of its size is stored. */
  readonly source: string | undefined
  readonly reason: string
}

export interface Foldables {
  readonly foldable: readonly Foldable[]
  readonly left: readonly UnfoldedWeight[]
}

export interface FoldableOptions {
  /** Values that are the same at every run, though they are computed from shapes of activations: see `fixedSizes`. Default: none */
  readonly sizes?: ReadonlyMap<string, Tensor>
  /** Whether adapters are merged into the weights they are added to. Default: the weight stays, and the graph adds them */
  readonly mergeAdapters?: boolean
}

/** Computed weights in the main graph, in the order in which they are read. Linear, but for nodes that lead to several weights. */
export function foldablesIn(model: Model, { mergeAdapters = false, sizes }: FoldableOptions = {}): Foldables {
  const constants = constantValues(model, sizes)
  const positions = new Map<string, { reader: Node; isWeight: boolean }>()
  for (const reader of model.graph.nodes) {
    if (constants.isConstant(reader)) continue
    for (const [input, name] of reader.inputs.entries()) {
      const isWeight = WEIGHT_OPERATORS.get(operatorName(reader))?.inputs.includes(input) ?? false
      if (!constants.has(name) || !(isWeight || isBeside(reader, input))) continue
      const value = behindViews(name, constants, mergeAdapters)
      if (constants.stored(value) !== undefined) continue
      const before = positions.get(value)
      positions.set(value, before === undefined ? { reader, isWeight } : { ...before, isWeight: before.isWeight || isWeight })
    }
  }
  const all = [...positions].map(([value, position]) => ({
    value,
    ...position,
    type: constants.typeOf(value),
    ...leadingTo(value, constants),
  }))
  const open = all.filter(({ nodes }) => !nodes.some(({ op }) => QUANTIZING.has(op)))
  const values = new Set(open.map(({ value }) => value))
  const elsewhere = { readers: readElsewhere(model, constants, values), outputs: namesOf(model.graph.outputs) }
  const foldable: Foldable[] = []
  const left: UnfoldedWeight[] = []
  for (const each of open) {
    const reason = whyNot(each, elsewhere)
    if (reason === undefined) foldable.push(each)
    // What stands beside a weight is no weight that is missed.
    else if (each.isWeight) left.push(notFolded(each, reason))
  }
  return { foldable, left }
}

/** What makes floats of integers is seen elsewhere. */
const QUANTIZING = new Set(['DequantizeLinear', 'QuantizeLinear', 'DynamicQuantizeLinear'])

/** Biases of operators with weights, and what normalisations scale and shift by: vectors that are stored as a rule. */
function isBeside({ op, domain }: Node, input: number): boolean {
  if (NORMALIZATIONS.has(op)) return input > 0
  if (domain !== '') return false
  return (op === 'Conv' || op === 'ConvTranspose' || op === 'Gemm') && input === 2
}

const NORMALIZATIONS = new Set(['BatchNormalization', 'InstanceNormalization', 'LayerNormalization', 'GroupNormalization'])

/** The value that an operator sees another form of: through Identity, casts of floats and Transposes of matrices, and without its adapters. */
function behindViews(name: string, constants: ConstantValues, mergeAdapters: boolean): string {
  const node = constants.maker(name)
  if (node === undefined || node.domain !== '') return name
  const base = mergeAdapters ? undefined : baseOfAdapter(node, constants satisfies AdapterGraph)
  const source = node.inputs[base ?? 0] ?? ''
  const isView = base !== undefined || node.op === 'Identity' || isFloatCast(node, constants) || isTurn(node, constants)
  return isView && source !== '' ? behindViews(source, constants, mergeAdapters) : name
}

function isFloatCast({ op, inputs }: Node, { typeOf }: ConstantValues): boolean {
  const type = op === 'Cast' ? typeOf(inputs[0] ?? '') : undefined
  return type !== undefined && isFloat(type)
}

/** A Transpose of a matrix. */
function isTurn(node: Node, { stored }: ConstantValues): boolean {
  if (node.op !== 'Transpose') return false
  const rank = attributesOf(node).ints('perm')?.length ?? stored(node.inputs[0] ?? '')?.shape.length
  return rank === 2
}

function leadingTo(value: string, { maker, stored, isSparse }: ConstantValues): Pick<Foldable, 'nodes' | 'sources' | 'sparse'> {
  const nodes = new Set<Node>()
  const sources: NamedTensor[] = []
  const sparse: string[] = []
  const seen = new Set<string>()
  const waiting: { readonly name: string; readonly behind?: Node }[] = [{ name: value }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { name, behind } = next
    // What leads to a node was taken up before.
    if (behind !== undefined) nodes.add(behind)
    if (seen.has(name)) continue
    seen.add(name)
    const tensor = stored(name)
    if (tensor !== undefined) sources.push({ name, tensor })
    if (isSparse(name)) sparse.push(name)
    const node = maker(name)
    if (node !== undefined)
      waiting.push(
        { name, behind: node },
        ...readBy(node)
          .map((read) => ({ name: read }))
          .reverse(),
      )
  }
  return { nodes: [...nodes], sources, sparse }
}

/**
 * Which stored tensors are read in another form too, and by which node: by one that reads no weight there, or a weight that is not computed. Their sizes do not
 * count.
 */
function readElsewhere(model: Model, constants: ConstantValues, values: ReadonlySet<string>): ReadonlyMap<string, string> {
  const readers = new Map<string, string>()
  for (const { name } of model.graph.outputs) if (constants.has(name)) readers.set(name, `it is the output '${name}' too`)
  for (const node of [...model.graph.nodes].reverse()) {
    if (!constants.isConstant(node)) {
      for (const name of readBy(node))
        if (constants.has(name) && !values.has(name)) readers.set(name, `${labelOf(node)} reads it too`)
    } else if (node.op !== 'Shape' && node.op !== 'Size') {
      const [reader] = madeBy(node).flatMap((name) => (values.has(name) ? [] : (readers.get(name) ?? [])))
      if (reader !== undefined) for (const name of readBy(node)) if (!values.has(name)) readers.set(name, reader)
    }
  }
  return readers
}

interface Elsewhere {
  readonly readers: ReadonlyMap<string, string>
  readonly outputs: ReadonlySet<string>
}

function whyNot({ value, sources, isWeight }: Foldable, { readers, outputs }: Elsewhere): string | undefined {
  if (outputs.has(value)) return `it is the output '${value}' of the model`
  const packed = sources.find(({ tensor }) => PACKED.has(tensor.type) && elementCount(tensor.shape) > FEW)
  if (packed !== undefined) return `it is made of ${packed.tensor.type}, and the file would grow if it were stored as floats`
  const shared = isWeight ? weightLike(sources).find(({ name }) => readers.has(name)) : undefined
  return shared && `'${shared.name}' would be stored twice, since ${readers.get(shared.name)}`
}

const namesOf = (values: readonly { readonly name: string }[]) => new Set(values.map(({ name }) => name))

/** Types that weights are stored in to save space. */
const PACKED: ReadonlySet<string> = new Set(
  'int8 uint8 int16 uint16 int4 uint4 int2 uint2 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz float4e2m1 float8e8m0'.split(
    ' ',
  ),
)
const FEW = 64

/** Of the tensors that a weight is computed from, those that are weights themselves: not what they are scaled or indexed by. */
export function weightLike(sources: readonly NamedTensor[]): readonly NamedTensor[] {
  const least = Math.max(...sources.filter(({ tensor }) => isFloat(tensor.type)).map(sizeOf)) / 2
  return sources.filter((source) => isFloat(source.tensor.type) && sizeOf(source) > least)
}

/** The reason goes with the largest tensor that the weight is computed from. */
export function notFolded({ value, sources }: Pick<Foldable, 'value' | 'sources'>, reason: string): UnfoldedWeight {
  const [first, ...others] = sources
  return { value, source: first && others.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a), first).name, reason }
}

const sizeOf = ({ tensor }: NamedTensor) => elementCount(tensor.shape)

/** "Conv 'conv1'" */
export function labelOf({ op, name, outputs }: Node): string {
  return `${op} '${name || outputs[0]}'`
}
