import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export interface ActionYml {
  readonly name: string
  readonly description: string
  readonly inputs: Readonly<
    Record<string, { readonly description: string; readonly default?: string; readonly required?: boolean }>
  >
  readonly outputs: Readonly<Record<string, { readonly description: string }>>
  readonly runs: { readonly using: string; readonly main: string }
  readonly branding: { readonly icon: string; readonly color: string }
}

export const repository = fileURLToPath(new URL('../../../../', import.meta.url))

export function readActionYml(): ActionYml {
  return parse(readFileSync(`${repository}/action.yml`, 'utf8')) as ActionYml
}

/** `INPUT_…` variables as the runner sets them: defaults with their expressions filled in, then what `with:` says. */
export function inputVariables(
  inputs: Readonly<Record<string, string>>,
  contexts: Readonly<Record<string, string>>,
): Record<string, string> {
  const defaults = Object.entries(readActionYml().inputs).map(([name, { default: text = '' }]) => [
    name,
    text.replace(/\$\{\{\s*([\w.-]+)\s*\}\}/g, (_, path: string) => contexts[path] ?? ''),
  ])
  const all: Record<string, string> = { ...Object.fromEntries(defaults), ...inputs }
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))
}
