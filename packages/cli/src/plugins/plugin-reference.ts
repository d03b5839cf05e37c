import { usage } from '../terminal/failure.js'

/** A plugin as it is written where nothing can be imported: on the command line, in JSON, in YAML. */
export interface PluginReference {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
}

/** Kinds of plugins that run in this process. */
export type LoadedKind = 'criterion' | 'structure' | 'preset'

export type PluginKind = LoadedKind | 'metric'

/** 'magnitude' or { name: 'magnitude', p: 2 } or 'magnitude:p=2,abs=true'. A structure '2:4' is 'nm:n=2,m=4'. */
export function readReference(kind: PluginKind, setting: string | { readonly name: string }): PluginReference {
  if (typeof setting === 'string') return readOptions(kind, kind === 'structure' ? spelledOut(setting) : setting)
  const { name, ...options } = setting
  return { name, options }
}

/** '2:4', as everyone writes n of m. */
function spelledOut(text: string): string {
  return text.trim().replace(/^(\d+):(\d+)$/, 'nm:n=$1,m=$2')
}

/** 'name:a=1,b=two' → its name and options; `what` it is, messages say. */
export function readOptions(what: PluginKind | 'allocation', text: string): PluginReference {
  // The first colon ends the name: package names have none.
  const colon = text.indexOf(':')
  const name = (colon < 0 ? text : text.slice(0, colon)).trim()
  if (name === '') throw usage(`${what} '${text}' has no name.`, `write it as ${example(what)}`)
  const options: Record<string, unknown> = {}
  for (const part of colon < 0 ? [] : text.slice(colon + 1).split(',')) {
    const equals = part.indexOf('=')
    const key = part.slice(0, equals).trim()
    if (equals < 1 || key === '') {
      throw usage(`${what} '${text}': option '${part}' is not of the form name=value.`, `write it as ${example(what)}`)
    }
    options[key] = parseOption(part.slice(equals + 1).trim())
  }
  return { name, options }
}

/** Numbers and booleans as such, the rest as text. */
function parseOption(text: string): unknown {
  if (text === 'true') return true
  if (text === 'false') return false
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

function example(kind: PluginKind | 'allocation'): string {
  switch (kind) {
    case 'criterion':
      return "'magnitude' or 'magnitude:p=2'"
    case 'structure':
      return "'element'"
    case 'preset':
      return "'cnn' or 'cnn:ratio=0.3'"
    case 'metric':
      return "'f1' or 'f1:average=micro'"
    case 'allocation':
      return "'search' or 'search:trials=200,minutes=10'"
    default:
      throw kind satisfies never
  }
}
