import { lstat, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { globMatcher, parseJson } from '@pare/onnx'
import { globFiles } from '../files/model-files.js'
import { showPath } from '../files/paths.js'

/** What lies below a folder that a config may be about. Paths are relative to it. */
export interface ProjectFiles {
  readonly models: readonly string[]
  /** Files and folders of data, the likeliest evaluation data first. */
  readonly data: readonly string[]
  readonly tokenizers: readonly string[]
  /** Images and sounds. */
  readonly media: readonly string[]
}

const OPTIONS = { skip: ['pare-out', 'dist'], depth: 6 }
const MOST = 20

export async function searchProject(cwd: string): Promise<ProjectFiles> {
  const find = async (glob: string) => (await globFiles(glob, cwd, OPTIONS)).map((path) => showPath(path, cwd))
  const files = await find('**/*.{npz,npy,csv,tsv,jsonl,parquet,arrow,feather,txt}')
  files.push(...(await find('**/*.{npz,npy,csv,tsv,jsonl,json,txt}.{gz,zst}')))
  files.push(...(await find('**/{data,dataset}.{yaml,yml}')))
  // Most files of JSON are configs.
  files.push(...(await find('**/*.json')).filter((path) => JSON_DATA.test(basename(path)) && !CONFIGS.test(basename(path))))
  const media = await find('**/*.{png,jpg,jpeg,webp,bmp,gif,tif,tiff,wav,PNG,JPG,JPEG,WEBP,BMP,GIF,TIF,TIFF,WAV}')
  const boxes = annotatedFolders(await find('**/*.{xml,XML}'), media)
  const lists = files.filter((path) => /(^|\/)metadata\.(csv|jsonl|parquet)$/.test(path)).map((path) => dirname(path))
  const parts = partFolders(files)
  // A folder of folders of files: a folder for each class, but for images/val, whose labels lie in labels/val.
  const classFolders = media
    .filter((path) => path.split('/').length > 2 && !boxes.has(dirname(path)))
    .map((path) => (IMAGES.test(dirname(path)) ? dirname(path) : dirname(dirname(path))))
  const own = files.filter(
    (path) =>
      !lists.includes(dirname(path)) && !parts.includes(dirname(path)) && !NO_DATA.test(basename(path)) && !VOC_LIST.test(path),
  )
  const all = [...new Set([...own, ...lists, ...parts, ...boxes, ...classFolders])]
  return {
    models: (await find('**/*.onnx')).slice(0, MOST),
    data: all.sort((a, b) => promise(b) - promise(a) || (a < b ? -1 : 1)).slice(0, MOST),
    tokenizers: await find('**/tokenizer.json'),
    media,
  }
}

/** Folders whose tables are parts of one, by their names: val-00000-of-00002.parquet, part-1.csv.gz, 2025.jsonl. */
function partFolders(files: readonly string[]): readonly string[] {
  const tables = files.filter((path) => PART.test(path))
  return [...new Set(tables.map((path) => dirname(path)))].filter((folder) => {
    const own = tables.filter((path) => dirname(path) === folder).map((path) => basename(path))
    if (own.some((name) => /-\d+-of-\d+\.(parquet|arrow)$/.test(name))) return true
    return (
      folder !== '.' &&
      own.length > 1 &&
      new Set(own.map((name) => name.replace(/\.(gz|zst)$/i, '').replace(/\d+/g, '#'))).size === 1
    )
  })
}

/** Folders with annotations of Pascal VOC: images with an .xml beside each, or a folder of images beside one of annotations. */
function annotatedFolders(xml: readonly string[], media: readonly string[]): ReadonlySet<string> {
  const stems = new Set(media.map(stemOf))
  const imageFolders = new Set(
    media
      .map(dirname)
      .filter((folder) => VOC_IMAGES.test(basename(folder)))
      .map(dirname),
  )
  return new Set(
    xml.flatMap((path) => {
      const folder = dirname(path)
      if (stems.has(stemOf(path))) return folder === '.' ? [] : [folder]
      const isApart = /^annotations?$/i.test(basename(folder)) && imageFolders.has(dirname(folder))
      return isApart && dirname(folder) !== '.' ? [dirname(folder)] : []
    }),
  )
}

const stemOf = (path: string) => path.replace(/\.[^./]*$/, '')

const PART = /\.(csv|tsv|jsonl|json|parquet|arrow|feather)(\.(gz|zst))?$/i
const VOC_IMAGES = /^(jpegimages|images?|imgs?)$/i
const VOC_LIST = /(^|\/)ImageSets\//
const IMAGES = /(^|\/)images\/[^/]+$/
const JSON_DATA = /eval|val|test|dev|train|calib|annotations|instances|coco|data|samples/i
const CONFIGS = /config|package|token|index|results|\.pare\.|\.plan\.|lock|manifest|schema/i
const NO_DATA = /^(requirements.*|licen[cs]e.*|readme.*|vocab|merges|labels|classes|robots|CMakeLists|notice.*)\.(txt|csv)$/i

/** How much a name promises evaluation data. */
function promise(path: string): number {
  const points: readonly (readonly [RegExp, number])[] = [
    [/eval/i, 8],
    [/val/i, 6],
    [/test/i, 5],
    [/dev/i, 4],
    [/train/i, -8],
    [/calib/i, -6],
  ]
  return points.reduce((sum, [pattern, value]) => (pattern.test(path) ? sum + value : sum), 0)
}

/** The tokenizer in the folder of the model, of the data, or in the only one that there is. */
export function tokenizerFor(model: string, data: string, { tokenizers }: ProjectFiles): string | undefined {
  const folders = [dirname(model), dirname(dirname(model)), dirname(data), data]
  const beside = folders.map((folder) => (folder === '.' ? 'tokenizer.json' : `${folder}/tokenizer.json`))
  return beside.find((path) => tokenizers.includes(path)) ?? (tokenizers.length === 1 ? tokenizers[0] : undefined)
}

/** Names of classes in the config.json beside a model, or beside its data. */
export async function id2labelBeside(paths: readonly string[]): Promise<readonly string[] | undefined> {
  for (const path of new Set(paths.flatMap((each) => [dirname(each), dirname(dirname(each))]))) {
    const text = await textOf(join(path, 'config.json'))
    const { id2label } = (text === undefined ? {} : (parseJson(text) ?? {})) as { readonly id2label?: object }
    if (typeof id2label === 'object' && id2label !== null) return Object.values(id2label).map(String)
  }
  return undefined
}

/** Whether Git keeps one of the files elsewhere (Git LFS), by the .gitattributes of a folder. */
export async function usesLfs(cwd: string, paths: readonly string[]): Promise<boolean> {
  const text = (await textOf(join(cwd, '.gitattributes'))) ?? ''
  const covers = text.split(/\r?\n/).flatMap((line) => {
    const [pattern = '', ...attributes] = line.trim().split(/\s+/)
    if (pattern.startsWith('#') || !attributes.includes('filter=lfs')) return []
    // Without a slash a pattern is of names, at any depth.
    return [globMatcher(pattern.includes('/') ? pattern.replace(/^\//, '') : `**/${pattern}`)]
  })
  return paths.some((path) => covers.some((covered) => covered(path)))
}

export async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'EISDIR' || error.code === 'ENOTDIR') return undefined
    throw error
  })
}

/** A link that leads nowhere is there too. */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
