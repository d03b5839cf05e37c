import { PareError } from '@pare/onnx'
import { IMAGE_FILE } from '../file-kinds.js'
import { type DataArray, isStrings, type NdArray, type StringArray } from '../ndarray.js'

/** Names of classes, in the order of their numbers. */
export interface ClassNames {
  readonly names: readonly string[]
  /** Where they are from, for people: 'config.json'. */
  readonly from: string
}

/** Finds the names of classes when they are first needed. */
export interface FindClasses {
  (): Promise<ClassNames | undefined>
  /** As the user says them. */
  readonly setting?: readonly string[] | undefined
}

/** Labels as numbers: text becomes the number of its class. `where` is for messages: 'labels of d.npz'. */
export async function numbered(label: DataArray, where: string, findClasses: FindClasses): Promise<NdArray> {
  if (!isStrings(label)) return renumbered(label, where, findClasses.setting)
  const classes = await findClasses()
  if (classes === undefined && label.data.every(isTruth))
    return { type: 'int64', shape: label.shape, data: BigInt64Array.from(label.data, (name) => BigInt(truthOf(name))) }
  if (classes === undefined) throw noClasses(label, where)
  const numbers = new Map(classes.names.map((name, i) => [name, i]))
  const data = BigInt64Array.from(label.data, (name) => {
    const number = numbers.get(name) ?? (name === IGNORED ? Number(IGNORED) : asNumber(name, classes.names.length))
    if (number !== undefined) return BigInt(number)
    throw new PareError(
      `${where}: ${JSON.stringify(name)} is not among the classes ${listed(classes.names)} (${classes.from}).`,
      {
        hint: "correct the label, or say the classes in the order of their numbers: --classes cat,dog (in a config, evaluate: { classes: ['cat', 'dog'] }).",
      },
    )
  })
  return { type: 'int64', shape: label.shape, data }
}

/** A place that does not count, among names. */
const IGNORED = '-100'

/** Labels that are whole numbers, where the classes that are said are, too: those that count from 1, or leave numbers out. */
function renumbered(label: NdArray, where: string, setting: readonly string[] | undefined): NdArray {
  if (setting === undefined || !setting.every((name) => /^-?\d+$/.test(name))) return label
  const numbers = new Map(setting.map((name, i) => [Number(name), i]))
  const data = BigInt64Array.from(label.data as ArrayLike<number | bigint>, (value) => {
    const number = numbers.get(Number(value))
    if (number !== undefined) return BigInt(number)
    // A place that does not count stays one: 255 among pixels.
    if (Number(value) === -100 || (label.shape.length > 2 && Number(value) === 255)) return BigInt(value)
    throw new PareError(`${where}: ${value} is not among the classes ${listed(setting)} (as they are said).`, {
      hint: 'correct the label, or say all classes in the order of the outputs of the model: --classes 1,2,3.',
    })
  })
  return { type: 'int64', shape: label.shape, data }
}

const isTruth = (name: string) => name === IGNORED || /^(true|false)$/i.test(name)

/** True is 1 and false 0, as in Python, and as typed data have it. */
const truthOf = (name: string) => (name === IGNORED ? Number(IGNORED) : Number(/^true$/i.test(name)))

/** A class that is written as its number, or as true or false, among others that are named. */
function asNumber(name: string, count: number): number | undefined {
  if (isTruth(name)) return truthOf(name)
  const number = /^\d+$/.test(name) ? Number(name) : Number.NaN
  return number < count ? number : undefined
}

function noClasses({ data }: StringArray, where: string): PareError {
  const names = [...new Set(data)].filter((name) => name !== IGNORED).sort()
  if (names.every((name) => IMAGE_FILE.test(name))) {
    return new PareError(
      `${where} are files of images: ${listed(names)}. Masks are read beside one image that is the input of the model.`,
      {
        hint: 'name the image in a column of its own; or write images and masks as arrays into one .npz: the input by its name [N, channels, height, width], and label [N, height, width] with the class of each pixel, 255 where it does not count.',
      },
    )
  }
  return unnumberedNames(names, where)
}

/** Of names of classes whose numbers nothing says. `where` is for messages: 'labels of d.csv'. */
export function unnumberedNames(names: readonly string[], where: string): PareError {
  return new PareError(`${where} are names, and which class of the model each is, is not known: ${listed(names)}.`, {
    hint: `say them in the order of the model's outputs: --classes ${names.slice(0, 3).join(',')}${names.length > 3 ? ',…' : ''} (in a config, evaluate: { classes: [...] }), or put a config.json with id2label beside the model.`,
  })
}

const MOST_LISTED = 12

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_LISTED).join(', ')
  return names.length > MOST_LISTED ? `${shown}, … (${names.length})` : shown
}
