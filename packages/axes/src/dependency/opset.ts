import type { Node } from '@pare/onnx'

/** The version of the operator set of a node's domain. */
export function opsetOf(opsets: ReadonlyMap<string, number>, { domain }: Node): number {
  return opsets.get(domain) ?? (domain === 'ai.onnx' ? opsets.get('') : undefined) ?? 1
}
