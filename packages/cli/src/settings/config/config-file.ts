import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseYaml } from '@pare/evaluate/yaml'
import { PareError, parseJson, present, readRegular } from '@pare/onnx'
import { isFile } from '../../files/paths.js'
import { firstPartyPackages } from '../../plugins/plugins.js'
import { Failure, untrusted, usage } from '../../terminal/failure.js'
import { placeOfError } from './source-places.js'

const NAMES = ['ts', 'mts', 'js', 'mjs', 'json', 'yaml', 'yml'].map((extension) => `pare.config.${extension}`)

export interface LoadedConfig {
  /** Not validated yet. */
  readonly value: unknown
  readonly path: string
  /** Of JSON and YAML. */
  readonly text?: string
}

/** The config file named, or the nearest one from `cwd` upwards; undefined where there is none. */
export async function findConfig(cwd: string, name?: string): Promise<string | undefined> {
  if (name !== undefined) {
    const path = resolve(cwd, name)
    if (await isFile(path)) return path
    throw usage(`pare: config '${name}' is not a file (looked for ${path}).`, 'check --config, or write one with: pare init')
  }
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const there = await Promise.all(NAMES.map((name) => isFile(join(folder, name))))
    const [name, second] = NAMES.filter((_, index) => there[index])
    if (second !== undefined)
      throw usage(`pare: ${folder} has two configs, ${name} and ${second}.`, 'remove one, or choose with --config')
    if (name !== undefined) return join(folder, name)
    if (folder === dirname(folder)) return undefined
  }
}

/** Reads a config. TypeScript and JavaScript are run, so only where `trusted`. `shown`: what places in it are told by. */
export async function loadConfig(
  path: string,
  { trusted, shown = path }: { readonly trusted: boolean; readonly shown?: string },
): Promise<LoadedConfig> {
  switch (extname(path)) {
    case '.json':
      return await parse(path, 'JSON', { trusted, shown, parser: parseJson })
    case '.yaml':
    case '.yml':
      return await parse(path, 'YAML', { trusted, shown, parser: parseYaml })
    case '.ts':
    case '.mts':
    case '.js':
    case '.mjs':
      if (!trusted) {
        throw untrusted(
          `pare: config ${path} would be run, and code of this checkout is not trusted.`,
          'write it as pare.config.json or pare.config.yaml',
        )
      }
      return { path, value: await runModule(path) }
    default:
      throw usage(`pare: config ${path} has the extension '${extname(path)}'.`, `expected one of ${NAMES.join(', ')}`)
  }
}

async function readText(path: string): Promise<string> {
  return (await readRegular(path, { what: 'a config', maxBytes: MOST_BYTES })).toString('utf8')
}

/** Nobody writes more by hand. */
const MOST_BYTES = 2 ** 22

async function parse(
  path: string,
  format: string,
  { trusted, shown, parser }: { trusted: boolean; shown: string; parser: (text: string) => unknown },
): Promise<LoadedConfig> {
  const text = await readText(path)
  try {
    return { path, text, value: await parser(text) }
  } catch (cause) {
    const why = trusted || cause instanceof PareError ? messageOf(cause) : whereOnly(cause)
    const hint = 'correct it at the place named'
    const at = await placeOfError({ file: shown, text }, cause)
    const problems = [{ place: '', message: `the config is not ${format}: ${why}`, hint, ...present({ at }) }]
    throw new Failure('usage', `pare: config ${path} is not ${format}: ${why}`, { hint, cause, problems })
  }
}

/** Where it is wrong, without a word of what is written there: who may see the message is not known. */
function whereOnly(error: unknown): string {
  const [place] = / at (?:line \d+, column \d+|position \d+)/.exec(messageOf(error)) ?? []
  return `it cannot be parsed${place ?? ''}.`
}

async function runModule(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(path, { alias: ownPackages(), fsCache: false, moduleCache: false })
  try {
    return await jiti.import(path, { default: true })
  } catch (cause) {
    throw new Failure('usage', `pare: config ${path} could not be run: ${messageOf(cause)}`, {
      hint: 'correct it, or install what it imports next to it',
      cause,
    })
  }
}

/** What comes with the CLI can be imported by a config even where nothing is installed (`npx @pare/cli`). */
function ownPackages(): Record<string, string> {
  const entries = firstPartyPackages().flatMap((name) => {
    try {
      return [[name, fileURLToPath(import.meta.resolve(name))]]
    } catch {
      return []
    }
  })
  return Object.fromEntries([['@pare/cli', fileURLToPath(new URL('./config.js', import.meta.url))], ...entries])
}

/** The first line: the rest of a loader's message is its stack. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\nRequire stack:')[0]!.trim().replaceAll('\n', '\n  ')
}
