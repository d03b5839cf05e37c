import { MICROSOFT_OPERATORS } from '../../graph/operators.js'
import { convolution } from './convolution.js'
import { elementwise } from './elementwise.js'
import { generate } from './generate.js'
import { layout } from './layout.js'
import { matrix, microsoft } from './matrix.js'
import { choice, nested } from './nested.js'
import { pick } from './pick.js'
import { reduction } from './reduction.js'
import type { Facts, OperatorCall, ShapeRule, ShapeRules } from './rule.js'
import { spectrum } from './spectrum.js'

function constant(call: OperatorCall): Facts {
  const tensor = call.tensor('value')
  if (tensor !== undefined) return [tensor]
  const whole = call.ints('value_ints')
  if (whole !== undefined) return [{ shape: [whole.length], value: { type: 'int64', numbers: whole } }]
  const int = call.int('value_int')
  if (int !== undefined) return [{ shape: [], value: { type: 'int64', numbers: [int] } }]
  const float = call.float('value_float')
  if (float !== undefined) return [{ shape: [], value: { type: 'float32', numbers: [float] } }]
  const floats = call.floats('value_floats')
  return floats === undefined ? [] : [{ shape: [floats.length], value: { type: 'float32', numbers: floats } }]
}

/** Rules of ai.onnx. */
const ONNX: ShapeRules = {
  ...elementwise,
  ...layout,
  ...pick,
  ...generate,
  ...convolution,
  ...matrix,
  ...reduction,
  ...spectrum,
  If: choice,
  Constant: constant,
}

/** com.microsoft's own, and under the same names those of ai.onnx that it repeats (Gelu, Pad, …). */
const MICROSOFT: ShapeRules = { ...ONNX, ...microsoft }

/** Operators with a rule: all of ai.onnx, and of com.microsoft its own and those that it repeats. */
export function operatorsWithRule(): readonly string[] {
  const repeated = MICROSOFT_OPERATORS.filter((name) => Object.hasOwn(ONNX, name.replace(MS, '')))
  return [...Object.keys(ONNX), ...new Set([...Object.keys(microsoft).map((name) => `${MS}${name}`), ...repeated])]
}

const MS = 'com.microsoft.'

const DOMAINS: ReadonlyMap<string, ShapeRules> = new Map([
  ['', ONNX],
  ['com.microsoft', MICROSOFT],
  ['pare', nested],
])

/** The rule of an operator; undefined: its outputs are not known. */
export function ruleOf(domain: string, op: string): ShapeRule | undefined {
  const rules = DOMAINS.get(domain)
  return rules !== undefined && Object.hasOwn(rules, op) ? rules[op] : undefined
}
