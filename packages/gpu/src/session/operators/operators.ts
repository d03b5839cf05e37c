import { type Node, operatorName } from '@pare/onnx'
import { ARRANGE } from './arrange.js'
import { ATTENTION } from './attention.js'
import { ELEMENTWISE } from './elementwise.js'
import { NETWORK } from './network.js'
import type { Operator } from './recorded-call.js'
import { REDUCTIONS } from './reductions.js'

const OPERATORS: Readonly<Record<string, Operator>> = { ...ARRANGE, ...ATTENTION, ...ELEMENTWISE, ...NETWORK, ...REDUCTIONS }

/** Names of operators that there are kernels for: of the ONNX domain plain, of others with the domain in front. */
export const DEVICE_OPERATORS: readonly string[] = Object.keys(OPERATORS).sort()

export const operatorOf = (node: Node): Operator | undefined =>
  Object.hasOwn(OPERATORS, operatorName(node)) ? OPERATORS[operatorName(node)] : undefined
