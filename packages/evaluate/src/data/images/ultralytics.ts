import { openModel, PareError } from '@pare/onnx'
import type { ImageSteps, PreprocessorConfig } from './image-steps.js'

/** What the exporter of Ultralytics notes in a model, as far as it says how images become its input. Undefined: it is no such model. */
export async function ultralyticsConfig(path: string): Promise<PreprocessorConfig | undefined> {
  await using file = await openModel(path, { allowHardLinks: true })
  const notes = new Map(file.model.proto.metadataProps.map(({ key, value }) => [key, value]))
  const [author, task, sides] = ['author', 'task', 'imgsz'].map((key) => notes.get(key))
  if (author !== 'Ultralytics' || sides === undefined || task === undefined) return undefined
  return { ultralytics: { task, imgsz: sides } }
}

/** Ultralytics' steps of validation: a classifier's by the shorter side and the middle of that, all others' letterboxed; bytes divided by 255. */
export function stepsOfUltralytics({ ultralytics }: PreprocessorConfig, path: string): ImageSteps {
  const { task, imgsz } = ultralytics as { readonly task: string; readonly imgsz: string }
  const sides = (imgsz.match(/\d+/g) ?? []).map(Number)
  const [height, width = height] = sides
  if (height === undefined || width === undefined || sides.length > 2 || Math.min(height, width) < 1) {
    throw new PareError(`${path}: imgsz is ${JSON.stringify(imgsz)}, which is not read.`, {
      hint: 'say it instead: evaluate: { image: { letterbox: 640 } }, or write the tensors as .npz.',
    })
  }
  const common = { resample: 'bilinear', rescale: 1 / 255, isBgr: false, from: path } as const
  if (task !== 'classify') return { letterbox: { height, width }, ...common }
  return { resize: { shortest: Math.min(height, width) }, crop: { height, width }, roundsCrop: true, ...common }
}
