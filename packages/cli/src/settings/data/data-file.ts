import { basename, dirname, join, resolve } from 'node:path'
import type { ImageOptions, TextOptions } from '@pare/evaluate'
import { isModule, mayBeText, UNTRUSTED_HINT } from '@pare/evaluate/choices'
import { PareError, parseJson, present, readRegular } from '@pare/onnx'
import { isFolder, missingFile, showPath } from '../../files/paths.js'
import type { ModelFolder } from '../../folder/model-folder.js'
import type { EvaluateConfig } from '../../options/data.js'
import { type Problem, untrusted } from '../../terminal/failure.js'
import { formatValue } from '../../terminal/format.js'
import { type Check, placeIn } from '../check.js'
import { isWrittenInside, refuseOutside } from '../config/workspace.js'

/** How text is cut into windows, as a section of a config says it. */
type TextConfig = Pick<EvaluateConfig, 'length' | 'stride' | 'field'>

/** What a section of a config, and the overrides of it, say of a data file. */
export interface DataSection {
  /** That the model came in: its tokenizer is taken where none is named. Default: it came alone */
  readonly folder?: ModelFolder | undefined
  readonly own: Pick<EvaluateConfig, 'data' | 'tokenizer'>
  readonly over: Pick<EvaluateConfig, 'data' | 'tokenizer'> | undefined
  /** 'evaluation data' */
  readonly what: string
  /** Of the section. */
  readonly place: string
  /** Of the file. */
  readonly dataPlace: string
}

/** The absolute paths of a data file and of its tokenizer, as far as they are named and there; what is missing is noted. Throws where the data would be run and may not. */
export async function readDataFile(
  { own, over, what, place, dataPlace, folder }: DataSection,
  check: Check,
): Promise<{ readonly data: string | undefined; readonly tokenizer: string | undefined }> {
  const data = await readPath({ own: own.data, override: over?.data, place: dataPlace, what }, check)
  const named = await readPath(
    { own: own.tokenizer, override: over?.tokenizer, place: placeIn(place, 'tokenizer'), what: 'tokenizer' },
    check,
  )
  if (data !== undefined && !check.trusted && isModule(data)) {
    throw untrusted(
      `pare: data set ${showPath(data, check.cwd)} would be run, and code of this checkout is not trusted.`,
      UNTRUSTED_HINT,
    )
  }
  const isNamed = (over?.tokenizer ?? own.tokenizer) !== undefined
  return { data, tokenizer: isNamed ? named : ownTokenizer(folder, data) }
}

/** The tokenizer of the folder that the model came in, for data that may be text. */
function ownTokenizer(folder: ModelFolder | undefined, data: string | undefined): string | undefined {
  const isThere = folder?.companions.includes(TOKENIZER) === true
  return isThere && data !== undefined && mayBeText(data) ? join(folder.path, TOKENIZER) : undefined
}

const TOKENIZER = 'tokenizer.json'

/** How a file is read as text; undefined without a tokenizer. */
export function textOf(
  tokenizer: string | undefined,
  { length, stride, field, prompts, lowerCase }: TextConfig & Pick<TextOptions, 'prompts' | 'lowerCase'>,
): TextOptions | undefined {
  return tokenizer === undefined ? undefined : { tokenizer, ...present({ length, stride, field, prompts, lowerCase }) }
}

/** Options of text without a tokenizer would do nothing. */
export function strayTextOptions({ length, stride, field }: TextConfig, place: string): readonly Problem[] {
  return Object.entries(present({ length, stride, field })).map(([key, value]) => ({
    place: placeIn(place, key),
    message: `is ${formatValue(value)}, but the data are not read as text.`,
    hint: "name a tokenizer: tokenizer: 'tokenizer.json'",
  }))
}

interface TokenizerSection extends Pick<DataSection, 'place'> {
  readonly own: Pick<EvaluateConfig, 'tokenizer'>
  readonly over: Pick<EvaluateConfig, 'tokenizer'> | undefined
}

/** A tokenizer for arrays or a module would do nothing; `isMeasured` says whether metrics may still want one that is named for all data. */
export function strayTokenizer(
  { own, over, place }: TokenizerSection,
  { data, isMeasured }: { readonly data: string; readonly isMeasured: boolean },
  { overrides }: Check,
): readonly Problem[] {
  // An option is for all data: where one of them is text it is not for nothing.
  const mixed = [overrides.calibrate?.data ?? []].flat().map((file) => (typeof file === 'string' ? file : file.data))
  const others = [overrides.evaluate?.data, ...mixed, overrides.train?.data]
  const isUsed = isMeasured || others.some((other) => other !== undefined && mayBeText(other))
  const named = own.tokenizer ?? (isUsed ? undefined : over?.tokenizer)
  if (named === undefined || mayBeText(data)) return []
  return [
    {
      place: placeIn(place, 'tokenizer'),
      message: `is ${formatValue(named)}, and ${basename(data)} holds no text: a tokenizer does nothing for it.`,
      hint: 'leave the tokenizer out, or name a text, or a table of texts, JSONL or Parquet for example',
    },
  ]
}

/** How data are read, besides text. */
export interface DataReading {
  readonly image?: ImageOptions
  readonly classes?: readonly string[]
  /** Of a checkout that is not trusted. */
  readonly workspace?: string
  /** The model, beside which config.json and preprocessor_config.json may lie. */
  readonly original: string
}

/** The same, as a section and the overrides of it say it; a file of classes is read. */
export async function readReading(
  { own, over, place, model }: Pick<ReadingSection, 'own' | 'over' | 'place'> & { readonly model: string },
  check: Check,
): Promise<DataReading> {
  const image = over?.image ?? own.image
  const named = over?.classes ?? own.classes
  const { workspace } = check
  const section = {
    own: textual(own.classes),
    override: textual(over?.classes),
    place: placeIn(place, 'classes'),
    what: 'classes',
  }
  const path = typeof named === 'string' ? await readPath(section, check) : undefined
  const classes = path === undefined ? (typeof named === 'string' ? undefined : named) : await readClasses(path)
  return { original: model, ...present({ image: image as ImageOptions | undefined, classes, workspace }) }
}

interface ReadingSection {
  readonly own: Pick<EvaluateConfig, 'image' | 'classes'>
  readonly over: Pick<EvaluateConfig, 'image' | 'classes'> | undefined
  readonly place: string
}

function textual(classes: EvaluateConfig['classes']): string | undefined {
  return typeof classes === 'string' ? classes : undefined
}

/** A name on each line, or a list in JSON. */
async function readClasses(path: string): Promise<readonly string[]> {
  const text = (await readRegular(path, { what: 'a file of classes' })).toString('utf8')
  if (path.endsWith('.json')) {
    const value = parseJson(text)
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
    const { id2label } = (value ?? {}) as { readonly id2label?: Readonly<Record<string, string>> }
    if (typeof id2label === 'object' && id2label !== null) {
      const numbers = Object.keys(id2label).sort((a, b) => Number(a) - Number(b))
      return numbers.map((number) => String(id2label[number]))
    }
    throw new PareError(`${path}: expected a list of names in JSON, or id2label of a config.json.`, {
      hint: 'write ["cat", "dog"], or a name on each line of a .txt file.',
    })
  }
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** The absolute path of a file that the config or an override names, if either does. */
export async function readPath(
  { own, override, place, what }: { own: string | undefined; override: string | undefined; place: string; what: string },
  { problems, cwd, folder, workspace }: Check,
): Promise<string | undefined> {
  const setting = override ?? own
  if (setting === undefined) {
    if (what.endsWith(' data'))
      problems.push({ place, message: `is missing: no ${what}.`, hint: "name a data file: data: 'val.npz'" })
    return undefined
  }
  const path = override === undefined ? resolve(folder, setting) : resolve(cwd, setting)
  // Whoever gives options or inputs may name files elsewhere; the checkout may not put a link in the place of one of its own.
  if (workspace !== undefined && (override === undefined || isWrittenInside(path, workspace))) {
    await refuseOutside(path, `${what} '${setting}'`, workspace)
    if (what === 'tokenizer')
      await refuseOutside(join(dirname(path), 'tokenizer_config.json'), `what is beside ${what} '${setting}'`, workspace)
  }
  const missing = await missingFile(path)
  if (missing === undefined || (what.endsWith(' data') && (await isFolder(path)))) return path
  problems.push({
    place,
    message: `${what} '${setting}' is not a file: ${missing}.`,
    hint: 'check the path; with Git LFS, run: git lfs pull',
  })
  return undefined
}
