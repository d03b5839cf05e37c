import { join } from 'node:path'
import { createSession, type Runtime } from '@pare/evaluate'
import { type Model, parseText, writeModel } from '@pare/onnx'

/**
 * Channels in a block of ONNX Runtime's own layout for convolutions: as many as its vectors on this machine are wide, 0 where it has no such layout. It is what the operator that arranges
 * blocks makes of four channels.
 */
export async function blockSize(runtime: Runtime, folder: string): Promise<number> {
  if (runtime.provider !== 'cpu') return 0
  const path = join(folder, 'block.onnx')
  await writeModel(parseText(ARRANGED), path)
  try {
    const session = await createSession(runtime, path, { threads: 1 })
    const x = new runtime.ort.Tensor('float32', new Float32Array(4), [1, 4, 1, 1])
    const { y } = await session.run({ x })
    await session.release()
    return y!.dims[1]!
  } catch {
    return 0
  }
}

const ARRANGED = `<ir_version: 9, opset_import: ["": 17, "com.microsoft.nchwc": 1]>
  g (float[1, 4, 1, 1] x) => (float[N, C, H, W] y) { y = com.microsoft.nchwc.ReorderInput(x) }`

export function hasConvolution({ graph }: Model): boolean {
  return graph.nodes.some(({ op }) => op === 'Conv')
}
