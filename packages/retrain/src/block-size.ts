import type { Runtime } from '@pare/evaluate'
import { editGraph, editModel, makeNode, makeValueInfo, modelBytes, parseText } from '@pare/onnx'

/**
 * Channels in a block of ONNX Runtime's own layout of images on this machine: what it makes of four channels. 1 where it has no such layout, as on other providers
 * and processors.
 */
export async function blockSizeOf({ ort, provider }: Runtime): Promise<number> {
  if (provider !== 'cpu') return 1
  const empty = parseText('g (float[1, 4, 1, 1] x) => (float[1, 4, 1, 1] y) { y = Identity(x) }')
  const reorder = makeNode({ op: 'ReorderInput', domain: 'com.microsoft.nchwc', inputs: ['x'], outputs: ['y'] })
  const model = editModel(empty, {
    opsets: new Map([...empty.opsets, ['com.microsoft.nchwc', 1]]),
    graph: editGraph(empty.graph, { nodes: [reorder], outputs: [makeValueInfo({ name: 'y' })] }),
  })
  const session = await ort.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 4 }).catch(() => undefined)
  if (session === undefined) return 1
  const { y } = await session.run({ x: new ort.Tensor('float32', [0, 0, 0, 0], [1, 4, 1, 1]) })
  await session.release()
  return y!.dims[1]!
}
