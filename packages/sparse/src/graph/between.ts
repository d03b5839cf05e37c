import type { Node, Uses, ValueInfo } from '@pare/onnx'
import { type FoundNorm, normAt } from './norms.js'
import type { ProductSite } from './sites.js'

/** What is done in our memory between sparse products, so that values need not cross to ONNX Runtime and back. */
export type Between =
  | {
      readonly kind: 'pair'
      readonly op: 'add' | 'mul'
      readonly nodes: readonly Node[]
      readonly inputs: readonly [string, string]
      readonly output: string
    }
  | ({ readonly kind: 'norm'; readonly inputs: readonly [string]; readonly output: string } & Pick<FoundNorm, 'nodes' | 'norm'>)

/** Whether what a node reads must be known to tell if it could be ours. */
export const mayBeBetween = ({ op }: Node) => /^(Add|Mul|Pow|ReduceMean|\w*Normalization)$/.test(op)

/** Nodes that could be ours: sums and products of two values that may have one shape, and normalisations of rows. `infoOf`: types and shapes, as far as known. */
export async function couldBeOurs(
  nodes: readonly Node[],
  { uses, infoOf }: { uses: Uses; infoOf: (name: string) => ValueInfo | undefined },
): Promise<Between[]> {
  const widthOf = (name: string) => {
    const size = isFloat(infoOf(name)) ? infoOf(name)?.shape?.at(-1) : undefined
    return typeof size === 'number' ? size : undefined
  }
  const operations: Between[] = []
  const owned = new Set<Node>()
  for (const node of nodes) {
    if (owned.has(node)) continue
    const norm = isFloat(infoOf(node.inputs[0] ?? '')) ? await normAt(node, { uses, widthOf }) : undefined
    const isNorm =
      norm !== undefined && norm.norm.scale.length === widthOf(node.inputs[0]!) && !norm.nodes.some((each) => owned.has(each))
    const between = isNorm
      ? ({ kind: 'norm', nodes: norm.nodes, norm: norm.norm, inputs: [node.inputs[0]!], output: norm.result } as const)
      : pairOf(node, infoOf)
    if (between === undefined) continue
    operations.push(between)
    for (const each of between.nodes) owned.add(each)
  }
  return operations
}

function pairOf(node: Node, infoOf: (name: string) => ValueInfo | undefined): Between | undefined {
  const op = node.domain === '' ? ({ Add: 'add', Mul: 'mul' } as const)[node.op] : undefined
  const [a, b] = node.inputs
  if (op === undefined || a === undefined || b === undefined || a === b) return undefined
  return isFloat(infoOf(a)) && isFloat(infoOf(b)) && maybeSame(infoOf(a), infoOf(b))
    ? { kind: 'pair', op, nodes: [node], inputs: [a, b], output: node.outputs[0]! }
    : undefined
}

const isFloat = (info: ValueInfo | undefined) => info?.type === 'float32'

/** Whether shapes may be the same, as far as they are known: symbols that differ may stand for one size. */
function maybeSame(a: ValueInfo | undefined, b: ValueInfo | undefined): boolean {
  const [one, other] = [a?.shape, b?.shape]
  if (one === undefined || other === undefined) return true
  const differ = (size: unknown, axis: number) =>
    typeof size === 'number' && typeof other[axis] === 'number' && size !== other[axis]
  const oneOnly = (size: unknown, axis: number) => (size === 1) !== (other[axis] === 1)
  return one.length > 0 && one.length === other.length && !one.some(differ) && !one.some(oneOnly)
}

/** Those that lie between our products: what they read comes from ours, and what they give goes to ours, directly or by way of each other. */
export function betweenOurs(candidates: readonly Between[], sites: readonly ProductSite[], uses: Uses): Between[] {
  const ownNodes = new Set(sites.flatMap(({ nodes }) => nodes))
  const ours = new Set(
    candidates.filter(
      ({ nodes, inputs }) => !nodes.some((node) => ownNodes.has(node)) && !inputs.some((name) => uses.constants.has(name)),
    ),
  )
  for (let size = -1; size !== ours.size; ) {
    size = ours.size
    const results = new Set([...sites, ...ours].map(({ output }) => output))
    const operands = new Set([...sites.map(({ input }) => input), ...[...ours].flatMap(({ inputs }) => [...inputs])])
    for (const each of ours) {
      if (!each.inputs.some((name) => results.has(name)) || !operands.has(each.output)) ours.delete(each)
    }
  }
  return [...ours]
}
