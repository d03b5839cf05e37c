import { editModel, type Model } from '@pare/onnx'
import { OPSET } from './emit.js'

export function lift(model: Model): Model {
  const opset = model.opsets.get('') ?? 1
  if (opset >= OPSET) return model
  return editModel(model, { opsets: new Map([...model.opsets, ['', OPSET]]) })
}
