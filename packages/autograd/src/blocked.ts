import { type AttributeValue, attributesOf, editGraph, editModel, GraphWriter, type Model, type Node } from '@pare/onnx'
import { type GradientFacts, typedFactsOf } from './site/facts.js'

/**
 * Convolutions in the layout that ONNX Runtime itself uses where weights are constants: channels in blocks of `size`, so many as its vectors are wide. It does not do
 * so where weights are inputs, as they are in training, and is half as fast then. `size` is that of the machine: what ReorderInput makes of four channels. Below 8 nothing is
 * changed. Results differ by rounding.
 */
export async function inBlocks(model: Model, size: number): Promise<Model> {
  if (size < 8) return model
  const facts = await typedFactsOf(model)
  const emit = new GraphWriter(model.graph, 'blocked')
  const { graph } = model
  const nodes = graph.nodes.flatMap((node) => {
    const shape = convolved(node, facts)
    const fills = shape !== undefined && shape.out % size === 0 && (shape.isDepthwise || shape.inside % size === 0)
    if (!fills) return [node]
    const before = emit.nodes.length
    blockedConv(emit, node, shape, size)
    return emit.nodes.splice(before)
  })
  if (nodes.length === graph.nodes.length) return model
  const opsets = new Map([...model.opsets, ['com.microsoft.nchwc', 1] as const])
  return editModel(model, {
    graph: editGraph(graph, { nodes, initializers: [...graph.initializers, ...emit.constants] }),
    opsets,
  })
}

interface Convolved {
  /** Each channel by itself. */
  readonly isDepthwise: boolean
  readonly out: number
  readonly inside: number
  readonly kernel: readonly [number, number]
}

/** Sizes of a convolution over two axes, of all channels together or of each by itself; undefined for any other node. */
function convolved(node: Node, facts: GradientFacts): Convolved | undefined {
  if (node.op !== 'Conv' || node.domain !== '') return undefined
  const { int, string } = attributesOf(node)
  const group = int('group', 1)
  const [out, inside, kH, kW, ...more] = facts.dims(node.inputs[1]!) ?? []
  const isFixed = [out, inside, kH, kW].every((each) => typeof each === 'number')
  const isDepthwise = group > 1 && group === out && inside === 1
  const plain = (group === 1 || isDepthwise) && string('auto_pad', 'NOTSET') === 'NOTSET'
  return isFixed && plain && more.length === 0
    ? { isDepthwise, out: out as number, inside: inside as number, kernel: [kH as number, kW as number] }
    : undefined
}

/** Weights [out, in, kH, kW] as [out / size, in / size, kH, kW, size of in, size of out]; of each channel by itself as [out / size, kH, kW, size]. */
function blockedConv(emit: GraphWriter, node: Node, { isDepthwise, out, inside, kernel }: Convolved, size: number): void {
  const domain = 'com.microsoft.nchwc'
  const [x, w, bias = ''] = node.inputs as readonly [string, string, string?]
  const sizes = isDepthwise ? [out / size, size, ...kernel] : [out / size, size, inside / size, size, ...kernel]
  const apart = emit.node('Reshape', [w, emit.ints(sizes)])
  const turned = emit.node('Transpose', [apart], { perm: isDepthwise ? [0n, 2n, 3n, 1n] : [0n, 2n, 4n, 5n, 3n, 1n] })
  const weight = emit.node('Reshape', [turned, emit.ints([out, inside, ...kernel])])
  const attributes: Record<string, AttributeValue> = {
    ...{ pads: [0n, 0n, 0n, 0n], strides: [1n, 1n], dilations: [1n, 1n] },
    ...attributesOf(node).plain(['pads', 'strides', 'dilations']),
    ...{ kernel_shape: kernel.map(BigInt), group: BigInt(isDepthwise ? out : 1) },
  }
  const blocks = emit.node('ReorderInput', [x], {}, { domain })
  const product = emit.node('Conv', [blocks, weight, ...(bias === '' ? [] : [bias])], attributes, { domain })
  emit.write('ReorderOutput', [product], [node.outputs[0]!], { channels: BigInt(out) }, domain)
}
