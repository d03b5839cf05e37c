import type { Model } from '@pare/onnx'

export async function recompute(
  model: Model,
  _options: { readonly bytes: number; readonly inputs: object; readonly forward: Model },
): Promise<Model> {
  return model
}
