import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseJson } from '@pare/onnx'
import { missingFile } from '../files/paths.js'
import { usage } from '../terminal/failure.js'
import { type Check, orProblem } from './check.js'
import { refuseOutside } from './workspace.js'

/** Names of the classes in their order: a list, or a file with one on each line, or the config.json of a model of the Hugging Face hub. */
export async function readNames(
  own: string | readonly string[] | undefined,
  over: string | readonly string[] | undefined,
  place: string,
  check: Check,
): Promise<readonly string[] | undefined> {
  const setting = over ?? own
  if (typeof setting !== 'string') return setting
  const path = resolve(over === undefined ? check.folder : check.cwd, setting)
  return orProblem(() => namesIn(path, setting, check), place, check)
}

async function namesIn(path: string, written: string, check: Check): Promise<readonly string[]> {
  const missing = await missingFile(path)
  if (missing !== undefined)
    throw usage(`names '${written}' is not a file: ${missing}.`, 'check the path, or write a list: names: [cat, dog]')
  await refuseOutside(path, written, check.workspace)
  const text = await readFile(path, 'utf8')
  if (!path.endsWith('.json')) return text.split(/\r?\n/).filter((line) => line.trim() !== '')
  const { id2label } = parseJson(text) as { readonly id2label?: Readonly<Record<string, string>> }
  if (typeof id2label !== 'object') {
    throw usage(`names '${written}' has no id2label.`, 'name the config.json of the model, or a file with a name on each line')
  }
  return Object.keys(id2label)
    .sort((a, b) => Number(a) - Number(b))
    .map((id) => id2label[id]!)
}
