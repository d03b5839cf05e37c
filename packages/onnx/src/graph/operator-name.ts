import type { Node } from '../model.js'

/** 'Conv', 'com.microsoft.Attention': what tables of operators and reports call an operator. */
export function operatorName({ domain, op }: Pick<Node, 'domain' | 'op'>): string {
  return domain === '' || domain === 'ai.onnx' ? op : `${domain}.${op}`
}
