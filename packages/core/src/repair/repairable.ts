import {
  attributesOf,
  type Constant,
  isFloat,
  keyOf,
  type Model,
  madeBy,
  type NameScope,
  type Node,
  operatorName,
  present,
  readBy,
  type Uses,
  usesOf,
  visitNodes,
} from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import { inputSite, outputSite, type StatisticSite } from '../calibrate/site.js'
import type { Weight } from '../contract/contract.js'

/** A constant that a node reads as one of its inputs, or would read there. */
export interface ConstantOperand {
  readonly node: Node
  readonly input: number
  readonly constant?: Constant
}

/** A normalisation with stored statistics. */
export interface Normalization {
  readonly kind: 'normalization'
  /** First output of the node. */
  readonly id: string
  readonly level: number
  readonly site: StatisticSite
  readonly mean: Required<ConstantOperand>
  readonly variance: Required<ConstantOperand>
}

/** A weight that one node multiplies its input with, and the vector that is added. */
export interface RepairableLayer {
  readonly kind: 'layer'
  readonly id: string
  readonly level: number
  readonly weight: Weight
  readonly input: StatisticSite
  readonly output: StatisticSite
  /** Undefined: there is no place for one. */
  readonly bias?: ConstantOperand
  /** Whether the bias is in the output already, or added behind it. */
  readonly biasInside: boolean
  /** Set where nothing but a normalisation with stored statistics reads the output: it takes up any scale and shift. */
  readonly normalized: boolean
}

export type Repairable = Normalization | RepairableLayer

/**
 * What can be repaired among the nodes whose output pruning changed. The inputs of one level are settled when all levels before it are repaired.
 */
export function findRepairable(
  model: Model,
  isChanged: (output: string) => boolean,
): { readonly repairables: Repairable[]; readonly notes: string[] } {
  const weights = new Map(weightsOf(model).map((weight) => [weight.uses[0]!.node, weight]))
  const uses = usesOf(model.graph)
  const levels = new Map<string, number>()
  const repairables: Repairable[] = []
  const notes: string[] = []
  visitNodes(model, (node, scope) => {
    if (scope.path !== '' || !isChanged(keyOf(node))) return
    const level = Math.max(0, ...readBy(node).map((name) => levels.get(name) ?? 0))
    const one = normalizationOf(node, scope, level) ?? layerOf(node, { scope, level, weight: weights.get(node), uses })
    if (typeof one === 'string') notes.push(one)
    else if (one !== undefined) repairables.push(one)
    const after = typeof one === 'object' ? level + 1 : level
    for (const name of madeBy(node)) levels.set(name, after)
  })
  return { repairables, notes }
}

function normalizationOf(node: Node, scope: NameScope, level: number): Normalization | string | undefined {
  if (operatorName(node) !== 'BatchNormalization') return undefined
  const id = node.outputs[0]!
  if (attributesOf(node).int('training_mode') === 1) return `${id}: normalises with statistics of its own`
  const [mean, variance] = [3, 4].map((input) => operandOf(node, input, scope))
  if (mean?.constant === undefined || variance?.constant === undefined) return `${id}: its statistics are not constants`
  const operands = { mean: mean as Required<ConstantOperand>, variance: variance as Required<ConstantOperand> }
  return { kind: 'normalization', id, level, site: { value: node.inputs[0]!, axes: [1] }, ...operands }
}

interface Place {
  readonly scope: NameScope
  readonly level: number
  readonly weight: Weight | undefined
  readonly uses: Uses
}

function layerOf(node: Node, { scope, level, weight, uses }: Place): RepairableLayer | string | undefined {
  const use = weight?.uses[0]
  if (weight === undefined || use === undefined || !isFloat(weight.tensor.type) || weight.tensor.shape.length < 2)
    return undefined
  const id = node.outputs[0]!
  const name = operatorName(node)
  if (weight.quantised !== undefined) return `${id}: its weight is ${weight.quantised.form}, and repair needs floats`
  if (!['Conv', 'MatMul', 'Gemm', 'Einsum'].includes(name)) return `${id}: weights of ${name} are not repaired`
  if (weight.uses.length > 1) return `${id}: its weight is used ${weight.uses.length} times`
  if (use.input !== 1) return `${id}: its weight comes first`
  if (name === 'Gemm' && ['alpha', 'beta'].some((key) => attributesOf(node).float(key, 1) !== 1))
    return `${id}: its sums are scaled`
  const [input, output] = [inputSite(weight, use), outputSite(weight, use)]
  if (typeof input === 'string') return `${id}: ${input}`
  if (typeof output === 'string') return `${id}: ${output}`
  if (input.stack !== undefined) return `${id}: its weight is a stack of matrices`
  if (output.axes.length > 1) return `${id}: its outputs are several axes`
  // An output of the model has a reader that is nothing in particular.
  const next = uses.outputs.has(id) ? [] : (uses.consumers.get(id) ?? [])
  const normalized = next.length === 1 && operatorName(next[0]!) === 'BatchNormalization'
  const bias = biasOf(node, { scope, next, width: weight.rows.out })
  return {
    kind: 'layer',
    id,
    level,
    weight,
    input,
    output,
    normalized,
    biasInside: name === 'Conv' || name === 'Gemm',
    ...present({ bias }),
  }
}

function biasOf(
  node: Node,
  { scope, next, width }: { scope: NameScope; next: readonly Node[]; width: number },
): ConstantOperand | undefined {
  if (node.op === 'Conv' || node.op === 'Gemm') {
    const own = operandOf(node, 2, scope)
    return own === undefined || isVector(own, width) ? (own ?? { node, input: 2 }) : undefined
  }
  const [add] = next
  if (next.length !== 1 || add === undefined || operatorName(add) !== 'Add') return undefined
  const other = operandOf(add, add.inputs[0] === node.outputs[0] ? 1 : 0, scope)
  return other !== undefined && isVector(other, width) ? other : undefined
}

/** A constant that holds one number for each output, whatever axes of one position stand before. */
function isVector({ constant }: ConstantOperand, width: number): boolean {
  const shape = constant?.tensor.shape
  return (
    shape !== undefined && isFloat(constant!.tensor.type) && shape.at(-1) === width && shape.slice(0, -1).every((n) => n === 1)
  )
}

/** Undefined where the input is left out. */
function operandOf(node: Node, input: number, scope: NameScope): ConstantOperand | undefined {
  const name = node.inputs[input] ?? ''
  if (name === '') return undefined
  const constant = scope.constant(name)
  return { node, input, ...present({ constant }) }
}
