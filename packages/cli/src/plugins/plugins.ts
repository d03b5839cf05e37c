import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  type AnyCriterion,
  guardCriterion,
  guardStep,
  guardStructure,
  type OptionDescription,
  type PresetStep,
  type Structure,
} from '@pare/core'
import { METRIC_NAMES } from '@pare/evaluate/choices'
import type { PluginOrigin } from '@pare/onnx'
import { suggest } from '@pare/onnx/suggest'
import type { PluginConfig } from '../options/prune.js'
import { Failure, isPareError, untrusted, usage } from '../terminal/failure.js'
import { formatValue } from '../terminal/format.js'
import { FIRST_PARTY } from './first-party.js'
import { type LoadedKind, type PluginKind, type PluginReference, readReference } from './plugin-reference.js'
import { versioned } from './plugin-version.js'

export interface PluginSource {
  /** Third-party plugins are resolved from here: the config file's folder, or the current one. */
  readonly folder: string
  /** False: only the plugins that come with the CLI. */
  readonly trusted: boolean
  /** Of a checkout that is not trusted: files must lie in it. Default: files may be anywhere */
  readonly workspace?: string | undefined
}

export function resolveCriterion(setting: PluginConfig<AnyCriterion>, source: PluginSource): Promise<AnyCriterion> {
  return resolve('criterion', setting, source) as Promise<AnyCriterion>
}

export function resolveStructure(setting: PluginConfig<Structure>, source: PluginSource): Promise<Structure> {
  return resolve('structure', setting, source) as Promise<Structure>
}

/** The steps of a preset. */
export function resolvePreset(setting: PluginConfig<Preset>, source: PluginSource): Promise<Preset> {
  return resolve('preset', setting, source) as Promise<Preset>
}

/** What the factory of a preset gives. */
export type Preset = readonly PresetStep[]

/** The file of a metric that does not come with pare: it is run where models are. */
export function locateMetric(name: string, source: PluginSource): Promise<string> {
  return locatePlugin('metric', name, source).then(({ path }) => path)
}

type Plugin = AnyCriterion | Structure | Preset

async function resolve(kind: LoadedKind, setting: PluginConfig<Plugin>, source: PluginSource): Promise<Plugin> {
  if (isPlugin(kind, setting)) return guarded(setting, { kind, name: nameOf(kind, setting) })
  const reference = readReference(kind, setting)
  const own = await loadFirstParty(kind, reference.name)
  if (own !== undefined) return guarded(make(kind, reference, own), { kind, name: reference.name, comesWithPare: true })
  const { exported, from } = await loadThirdParty(kind, reference, source)
  return guarded(make(kind, reference, exported), { kind, name: reference.name, from })
}

/** The plugin, whose faults are told with its name. */
function guarded(plugin: Plugin, origin: PluginOrigin): Plugin {
  if (isPreset(plugin)) return plugin.map((step, i) => guardStep(step, i + 1, origin))
  return 'find' in plugin ? guardStructure(plugin, origin) : guardCriterion(plugin, origin)
}

const isPreset = (plugin: Plugin): plugin is Preset => Array.isArray(plugin)

const nameOf = (kind: LoadedKind, plugin: Plugin) => (isPreset(plugin) ? kind : plugin.name)

type Factory = (options?: Readonly<Record<string, unknown>>) => unknown

export function firstPartyNames(kind: PluginKind): readonly string[] {
  return kind === 'metric' ? METRIC_NAMES : Object.keys(FIRST_PARTY[kind])
}

/** The names of their packages. */
export function firstPartyPackages(): readonly string[] {
  return Object.entries(FIRST_PARTY).flatMap(([kind, plugins]) => Object.keys(plugins).map((name) => `@pare/${kind}-${name}`))
}

async function loadFirstParty(kind: LoadedKind, name: string): Promise<unknown> {
  const prefix = `@pare/${kind}-`
  const short = name.startsWith(prefix) ? name.slice(prefix.length) : name
  const plugins: Readonly<Record<string, () => Promise<unknown>>> = FIRST_PARTY[kind]
  return Object.hasOwn(plugins, short) ? plugins[short]!() : undefined
}

async function loadThirdParty(kind: LoadedKind, { name }: PluginReference, source: PluginSource) {
  const { packageName, path } = await locatePlugin(kind, name, source)
  const module = await importPlugin(kind, packageName, path)
  const exported = module.default ?? module[exportName(kind, packageName)]
  if (exported !== undefined) return { exported, from: await versioned(packageName, path) }
  throw usage(
    `pare: ${packageName} exports no ${kind}: neither a default export nor '${exportName(kind, packageName)}'.`,
    `it exports ${formatValue(Object.keys(module))}; a plugin exports a factory: see https://www.npmjs.com/package/@pare/core`,
  )
}

/** The package of that name and the file that it leads to. */
async function locatePlugin(
  kind: PluginKind,
  name: string,
  source: PluginSource,
): Promise<{ readonly packageName: string; readonly path: string }> {
  const packages = packagesOf(kind, name)
  if (!source.trusted) {
    throw untrusted(
      `pare: ${kind} '${name}' does not come with pare, and code of this checkout is not trusted.`,
      `use one of ${firstPartyNames(kind).join(', ')}, or run on a trusted event`,
    )
  }
  for (const packageName of packages) {
    const path = await locate(packageName, source.folder)
    if (path !== undefined) return { packageName, path }
  }
  throw notFound(kind, name, packages, source.folder)
}

/** In the order they are tried. */
function packagesOf(kind: PluginKind, name: string): readonly string[] {
  if (/^[@./]/.test(name)) return [name]
  const own = [`@pare/${kind}-${name}`, `pare-${kind}-${name}`, name]
  return name.startsWith(`pare-${kind}-`) ? [name] : own
}

function notFound(kind: PluginKind, name: string, packages: readonly string[], folder: string): Failure {
  const guess = suggest(name, firstPartyNames(kind))
  const install = `npm install --save-dev ${packages.length > 1 ? packages[1] : packages[0]}`
  return usage(
    `pare: ${kind} '${name}' not found. Tried ${packages.join(', ')} from ${folder}, and what comes with pare: ${firstPartyNames(kind).join(', ')}.`,
    guess === undefined ? `install it: ${install}` : `did you mean '${guess}'? Otherwise install it: ${install}`,
  )
}

/** The file a package name leads to from `folder`, or undefined where it is not installed. */
async function locate(packageName: string, folder: string): Promise<string | undefined> {
  try {
    return createRequire(join(folder, 'pare.config.js')).resolve(packageName)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'MODULE_NOT_FOUND') return undefined
    // The package is there and has no entry for `require`: resolve it as `import` does.
    const { createJiti } = await import('jiti')
    const base = pathToFileURL(join(folder, 'pare.config.js')).href
    const resolved = createJiti(base).esmResolve(packageName, { parentURL: base, try: true })
    return resolved === undefined ? undefined : fileURLToPath(resolved)
  }
}

async function importPlugin(kind: PluginKind, packageName: string, path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Failure('usage', `pare: ${kind} ${packageName} could not be loaded from ${path}: ${message}`, {
      hint: `reinstall it: npm install --save-dev ${packageName}`,
      cause,
    })
  }
}

/** '@acme/criterion-block-influence' → 'blockInfluence'. */
export function exportName(kind: PluginKind, packageName: string): string {
  const short = packageName.replace(/^@[^/]+\//, '').replace(new RegExp(`^(pare-)?${kind}-`), '')
  return short.replace(/[-_.]+(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function make(kind: LoadedKind, { name, options }: PluginReference, factory: unknown): Plugin {
  const names = namesOfOptions(factory)
  const stray = names === undefined ? undefined : Object.keys(options).find((option) => !names.includes(option))
  if (names !== undefined && stray !== undefined) throw unknownOption(kind, { name, options }, stray, names)
  const watched = watchReads(options)
  const plugin = typeof factory === 'function' ? call(kind, name, () => (factory as Factory)(watched.options)) : factory
  if (!isPlugin(kind, plugin)) {
    throw usage(
      `pare: ${kind} '${name}' is not a ${kind}: ${formatValue(plugin)} lacks ${MEMBERS[kind].join(' or ')}.`,
      `check that the package is a ${kind}, and that it is made for this version of pare`,
    )
  }
  const unread = names === undefined ? Object.keys(options).find((option) => !watched.names.has(option)) : undefined
  if (unread === undefined) return plugin
  throw unknownOption(kind, { name, options }, unread, [...watched.names])
}

/** Of a factory that says what its options are. */
function namesOfOptions(factory: unknown): readonly string[] | undefined {
  if (typeof factory !== 'function' || !('options' in factory) || !Array.isArray(factory.options)) return undefined
  return (factory.options as readonly OptionDescription[]).map((option) => option.name)
}

function unknownOption(kind: LoadedKind, { name, options }: PluginReference, unknown: string, names: readonly string[]): Failure {
  const guess = suggest(unknown, names)
  return usage(
    `pare: ${kind} '${name}' has no option '${unknown}' (${formatValue(options[unknown])}).`,
    `${guess === undefined ? '' : `did you mean '${guess}'? `}Its options: ${names.join(', ') || 'none'}`,
  )
}

/** Options that remember which of them the factory looked at: one that nobody reads is a slip of the pen. */
function watchReads(options: Readonly<Record<string, unknown>>): {
  options: Readonly<Record<string, unknown>>
  names: ReadonlySet<string>
} {
  const names = new Set<string>()
  const watched = new Proxy(options, {
    get(target, option) {
      if (typeof option === 'string') names.add(option)
      return Reflect.get(target, option)
    },
  })
  return { options: watched, names }
}

function call<Result>(kind: PluginKind, name: string, factory: () => Result): Result {
  try {
    return factory()
  } catch (error) {
    if (isPareError(error)) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new Failure('usage', `pare: ${kind} '${name}' refused its options: ${message}`, {
      hint: 'see the README of the plugin',
      cause: error,
    })
  }
}

/** What a plugin of a kind has. */
export const MEMBERS: { readonly [Kind in LoadedKind]: readonly string[] } = {
  criterion: ['name', 'needs', 'saliency (or solve, score, zeros)'],
  preset: ['a list of steps with structure, criterion and target'],
  structure: ['name', 'find'],
}

export function isPlugin(kind: LoadedKind, value: unknown): value is Plugin {
  if (kind === 'preset') return Array.isArray(value) && value.length > 0 && value.every(isStep)
  if (typeof value !== 'object' || value === null) return false
  return kind === 'criterion' ? isCriterion(value) : MEMBERS[kind].every((member) => member in value)
}

/** By saliency, by solving, or by trying whole units. */
function isCriterion(value: object): boolean {
  if (!('name' in value)) return false
  return 'score' in value || 'zeros' in value || ('needs' in value && ('saliency' in value || 'solve' in value))
}

function isStep(value: unknown): value is PresetStep {
  const { structure, criterion, target } = (value ?? {}) as Partial<PresetStep>
  return isPlugin('structure', structure) && isPlugin('criterion', criterion) && typeof target === 'object'
}
