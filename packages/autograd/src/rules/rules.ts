import type { Node } from '@pare/onnx'
import { operatorName } from '@pare/onnx'
import { decomposed } from '../decompose/decompose.js'
import type { Entry, GradientRules } from '../site/rule.js'
import type { GradientRule } from '../site/site.js'
import { arranging } from './rules-arrange.js'
import { convolution } from './rules-convolution.js'
import { convolutionTransposed } from './rules-convolution-transposed.js'
import { declined } from './rules-declined.js'
import { einsums } from './rules-einsum.js'
import { elementwise } from './rules-elementwise.js'
import { flat } from './rules-flat.js'
import { fused } from './rules-fused.js'
import { indexing } from './rules-index.js'
import { layout } from './rules-layout.js'
import { loss } from './rules-loss.js'
import { matrix } from './rules-matrix.js'
import { normalization } from './rules-normalize.js'
import { groupNormalizations } from './rules-normalize-groups.js'
import { pooling } from './rules-pool.js'
import { reduction } from './rules-reduce.js'
import { resizing } from './rules-resize.js'
import { scattering } from './rules-scatter.js'
import { softmax } from './rules-softmax.js'

/** Operators of ai.onnx by name, of others by domain and name. A new operator is an entry in one of these tables. */
const RULES: GradientRules = {
  ...arranging,
  ...convolution,
  ...convolutionTransposed,
  ...declined,
  ...decomposed,
  ...einsums,
  ...elementwise,
  ...flat,
  ...fused,
  ...groupNormalizations,
  ...indexing,
  ...layout,
  ...loss,
  ...matrix,
  ...normalization,
  ...pooling,
  ...reduction,
  ...resizing,
  ...scattering,
  ...softmax,
}

function entryOf(node: Node): Entry | undefined {
  const key = operatorName(node)
  return Object.hasOwn(RULES, key) ? RULES[key] : undefined
}

/** The rule of a node, or why it has none. */
export function ruleOf(node: Node): GradientRule | string {
  const entry = entryOf(node)
  if (entry === undefined) return 'there is no rule for this operator'
  if (typeof entry === 'function') return entry
  if (entry === 'flat') return 'it has no derivative'
  return 'declined' in entry ? entry.declined : entry.rule
}

/** Whether a change of this input changes the outputs by a derivative; true where nothing is known of the operator. */
export function isDifferentiable(node: Node, input: number): boolean {
  const entry = entryOf(node)
  if (entry === 'flat') return false
  if (entry === undefined || typeof entry === 'function' || 'declined' in entry) return true
  return entry.through === 'all' || entry.through.includes(input)
}

/** All operators with an entry, for the table of what is supported. */
export function entries(): readonly (readonly [string, Entry])[] {
  return Object.entries(RULES)
}
