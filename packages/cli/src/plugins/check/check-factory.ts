import { pathToFileURL } from 'node:url'
import { findMetric } from '@pare/evaluate'
import { isPareError } from '../../terminal/failure.js'
import { formatValue } from '../../terminal/format.js'
import { exportName, isPlugin, MEMBERS } from '../plugins.js'
import { fails, type PluginFinding, passes } from './finding.js'
import type { PluginName } from './plugin-manifest.js'

/** A plugin that was loaded and made. */
export interface MadePlugin {
  readonly finding: PluginFinding
  /** Undefined: there is none. */
  readonly plugin?: object
  /** What of the module makes it: 'default', or the name of an export. */
  readonly exported?: string
}

/** Loads the code and calls the factory, as Pare does. `options`: what it is called with. */
export async function checkFactory(
  code: string,
  { kind, short }: PluginName,
  options: Readonly<Record<string, unknown>>,
): Promise<MadePlugin> {
  const module = await load(code)
  if (module instanceof Error)
    return problem(
      `${code} could not be loaded: ${module.message}`,
      'build it, and install what it imports: npm install && npm run build',
    )
  const exported = 'default' in module ? 'default' : exportName(kind, short)
  const factory = module[exported]
  if (typeof factory !== 'function')
    return problem(
      `neither a default export nor '${exported}' is a function; it exports ${formatValue(Object.keys(module))}.`,
      `export default function ${exportName(kind, short)}(options = {}) { … }`,
    )
  const plugin = await made(() => (factory as (options: object) => unknown)(options))
  if (plugin instanceof Error)
    return problem(
      `called with ${formatValue(options)}, the factory throws: ${plugin.message}`,
      isPareError(plugin) ? 'where it needs options, give them: --options name=value' : 'a plugin needs no option to be made.',
    )
  return judged(plugin, { kind, short, exported, code })
}

async function judged(plugin: unknown, { kind, short, exported, code }: Made): Promise<MadePlugin> {
  if (kind === 'metric') {
    const lacking = await made(() => findMetric(short, { [short]: code }))
    if (lacking instanceof Error) return problem(lacking.message, 'see docs/write-a-plugin/metric.md')
  } else if (!isPlugin(kind, plugin)) {
    return problem(
      `the factory gives ${formatValue(plugin)}, which lacks ${MEMBERS[kind].join(' or ')}.`,
      `see docs/write-a-plugin/${kind}.md`,
    )
  }
  const { name: own, kind: of } = plugin as { readonly name?: string; readonly kind?: string }
  const isNamed = kind !== 'preset' && of !== 'mask'
  if (isNamed && own !== short)
    return problem(
      `the package is called ${short}, and what it makes ${formatValue(own)}: reports and configs would use two names.`,
      `name: '${short}'`,
    )
  const shown = exported === 'default' ? 'the default export' : `'${exported}'`
  return { finding: passes('factory', `${shown} makes a ${kind}`), plugin: plugin as object, exported }
}

interface Made {
  readonly kind: PluginName['kind']
  readonly short: string
  readonly exported: string
  readonly code: string
}

const problem = (message: string, hint: string): MadePlugin => ({ finding: fails('factory', message, hint) })

async function load(code: string): Promise<Readonly<Record<string, unknown>> | Error> {
  return made(() => import(pathToFileURL(code).href) as Promise<Readonly<Record<string, unknown>>>)
}

/** What is made, or the error that comes of it. */
async function made<Result>(make: () => Result | Promise<Result>): Promise<Result | Error> {
  try {
    return await make()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
