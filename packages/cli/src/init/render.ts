import { stringify } from 'yaml'
import type { CONFIG_FORMATS } from '../options/commands.js'
import type { Draft, DraftModel } from './draft.js'

export type ConfigFormat = (typeof CONFIG_FORMATS)[number]

/** The text of a config. What is not sure stands in it as comments, where the format has any. */
export function renderConfig(
  draft: Draft,
  { format, schema }: { readonly format: ConfigFormat; readonly schema: string },
): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify({ $schema: schema, ...plainConfig(draft) }, null, 2)}\n`
    case 'ts':
      return `import { defineConfig } from '@pare/cli'

${commented(draft.doubts, '// ')}export default defineConfig(${JSON.stringify(plainConfig(draft), null, 2).replace(/"(\w+)":/g, '$1:')})
`
    case 'yaml':
      return yaml(draft, schema)
    default:
      throw format satisfies never
  }
}

/** What all models share stands once. */
function plainConfig({ prune, models }: Draft): object {
  const [first] = models as readonly [DraftModel]
  const isShared = models.every((model) => JSON.stringify(settings(model)) === JSON.stringify(settings(first)))
  return isShared
    ? { prune, ...settings(first), models: models.map(({ path }) => ({ path })) }
    : { prune, models: models.map(({ path, evaluate, gate }) => ({ path, evaluate, gate })) }
}

function settings({ evaluate, gate }: DraftModel): object {
  return { evaluate, gate }
}

const EXPLAINED: Readonly<Record<string, string>> = {
  prune: 'What pare run does with each model.',
  evaluate: 'What it is measured with, before and after.',
  gate: 'How much of the metric may be lost.',
  models: '',
}

function yaml(draft: Draft, schema: string): string {
  const sections = Object.entries(plainConfig(draft)).map(([name, value]) => {
    const comment = EXPLAINED[name] ? `# ${EXPLAINED[name]}\n` : ''
    const doubts =
      name === 'evaluate' || (name === 'models' && !('evaluate' in plainConfig(draft))) ? doubtLines(draft.doubts) : ''
    const preset =
      name === 'prune' && draft.preset !== undefined
        ? `# Smaller and faster, where zeros alone are not: whole units go.\n# prune: { preset: ${draft.preset} }\n`
        : ''
    return `${comment}${doubts}${stringify({ [name]: value }, { lineWidth: 0 })}${preset}`
  })
  return `# yaml-language-server: $schema=${schema}\n${sections.join('')}`
}

function doubtLines(doubts: readonly string[]): string {
  return doubts.length === 0 ? '' : `# Check what is not sure:\n${commented(doubts, '#   ')}`
}

function commented(lines: readonly string[], mark: string): string {
  return lines.map((line) => `${mark}${line.replace(/[\r\n]+/g, ' ')}\n`).join('')
}
