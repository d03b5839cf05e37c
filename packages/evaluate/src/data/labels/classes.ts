import { dirname, join } from 'node:path'
import { openModel } from '@pare/onnx'
import { readJsonFile } from '../file.js'
import { type Boundary, insideOf } from '../rows/inside.js'
import type { ClassNames, FindClasses } from './labels.js'

export interface ClassSources {
  /** As the user says them. */
  readonly classes?: readonly string[]
  /** The models, for what stands in them. */
  readonly models: readonly string[]
  /** Folders in which a config.json may lie, the likeliest first. */
  readonly folders: readonly string[]
  readonly boundary: Boundary
}

/** Names of classes: as they are said, else those of a config.json beside model or data (id2label, label2id, or timm's label_names), else those that the model itself names. */
export function classFinder(sources: ClassSources): FindClasses {
  let names: Promise<ClassNames | undefined> | undefined
  const finder = () => {
    names ??= find(sources)
    return names
  }
  return Object.assign(finder, { setting: sources.classes })
}

async function find({ classes, models, folders, boundary }: ClassSources): Promise<ClassNames | undefined> {
  if (classes !== undefined) return { names: classes, from: 'as they are said' }
  const config = await besideFile<{ id2label?: unknown; label2id?: unknown; label_names?: unknown }>(
    folders,
    'config.json',
    boundary,
  )
  const names = config && orderedNames(config.content.id2label)
  if (config && names) return { names, from: `id2label of ${config.path}` }
  const numbered = config && orderedNames(turned(config.content.label2id))
  if (config && numbered) return { names: numbered, from: `label2id of ${config.path}` }
  const listed = config && orderedNames(config.content.label_names)
  if (config && listed) return { names: listed, from: `label_names of ${config.path}` }
  for (const model of models) {
    const own = await namesInModel(model)
    if (own !== undefined) return { names: own, from: 'as the model names them' }
  }
  return undefined
}

/** A JSON file in the first of the folders that has one, or in the folder above where the model lies in one that is called onnx. */
export async function besideFile<Content extends object>(
  folders: readonly string[],
  name: string,
  boundary: Boundary,
): Promise<{ readonly path: string; readonly content: Content } | undefined> {
  const all = folders.flatMap((folder) => (/(^|[\\/])onnx$/.test(folder) ? [folder, dirname(folder)] : [folder]))
  for (const folder of new Set(all)) {
    const path = join(folder, name)
    const content = await readJsonFile(path, (target) =>
      insideOf({ ...boundary, root: boundary.trusted ? '' : folder }, target, path),
    )
    if (content !== undefined) return { path: name, content: content as Content }
  }
  return undefined
}

/** Names by number, of numbers by name. */
function turned(byName: unknown): unknown {
  if (typeof byName !== 'object' || byName === null) return undefined
  return Object.fromEntries(Object.entries(byName).map(([name, number]) => [String(number), name]))
}

/** Names by number, where the numbers are 0, 1, 2, … */
function orderedNames(byNumber: unknown): string[] | undefined {
  if (typeof byNumber !== 'object' || byNumber === null) return undefined
  const names: string[] = []
  for (const [number, name] of Object.entries(byNumber)) if (/^\d+$/.test(number)) names[Number(number)] = String(name)
  return names.length > 0 && names.length === Object.keys(byNumber).length && Object.keys(names).length === names.length
    ? names
    : undefined
}

/** What a classifier of ONNX's operators for machine learning puts out, or what an exporter notes as `names` or `id2label`. */
async function namesInModel(path: string): Promise<string[] | undefined> {
  await using file = await openModel(path, { allowHardLinks: true })
  for (const node of file.model.graph.nodes) {
    const attribute = node.attributes.get('classlabels_strings')
    if (attribute?.kind === 'strings' && attribute.value.length > 0) return attribute.value.map(String)
  }
  for (const { key, value } of file.model.proto.metadataProps) {
    if (key !== 'names' && key !== 'id2label' && key !== 'classes') continue
    const names = notedNames(value)
    if (names !== undefined) return names
  }
  return undefined
}

/** JSON, or a Python dict as Ultralytics writes it: {0: 'person', 1: 'bicycle'}. */
function notedNames(text: string): string[] | undefined {
  const entries = [...text.matchAll(/["']?(\d+)["']?\s*:\s*(?:"([^"]*)"|'([^']*)')/g)]
  return orderedNames(Object.fromEntries(entries.map(([, number, double, single]) => [number!, double ?? single ?? ''])))
}
