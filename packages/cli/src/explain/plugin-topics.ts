import type { OptionDescription } from '@pare/core'
import { describeFirstParty, type PluginDescription } from '../plugins/first-party-descriptions.js'
import type { Topic } from './topic.js'

/** The plugins of that name that come with the CLI, with their options. */
export async function pluginTopics(name: string): Promise<readonly Topic[]> {
  const described = await describeFirstParty(name)
  return described.map(({ kind, about, options }) => ({
    kind,
    title: `${kind} ${name}`,
    text: about,
    advice: [...options.map(optionText), exampleOf({ kind, name, options })],
  }))
}

/** 'damping: a number from 0 to 1 (default 0.1). What is added …' */
function optionText({ name, expected, standard, help }: OptionDescription): string {
  return `${name}: ${expected}${standard === undefined ? '' : ` (default ${standard})`}. ${sentence(help)}`
}

const sentence = (phrase: string) => `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`

function exampleOf({ kind, name, options }: Pick<PluginDescription, 'kind' | 'name' | 'options'>): string {
  const [option] = options
  return `For example: --${kind} ${name}${option === undefined ? '' : `:${option.name}=${option.example}`}`
}
