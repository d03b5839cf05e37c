import { METRIC_NAMES } from '@pare/evaluate/choices'
import { COMMANDS, type CommandName } from '../options/commands.js'
import { flagsOf, helpOf, hyphened, optionsOf } from '../options/options.js'
import { FIRST_PARTY } from '../plugins/first-party.js'
import { EXIT_CODES } from '../terminal/exit.js'
import { GLOSSARY } from './glossary.js'
import { pluginTopics } from './plugin-topics.js'
import type { Topic } from './topic.js'

/** Everything there is about it; nothing where it is not known. */
export async function topicsOf(word: string): Promise<readonly Topic[]> {
  const name = plainName(word)
  return [...exitCodes(name), ...terms(name), ...options(name), ...commands(name), ...(await pluginTopics(name))]
}

/** Whatever can be asked for. */
export const TOPIC_NAMES: readonly string[] = [
  ...EXIT_CODES.flatMap(({ code, names }) => [String(code), ...names]),
  ...GLOSSARY.flatMap(({ words }) => words),
  ...(Object.keys(COMMANDS) as CommandName[]).flatMap((command) => [
    command,
    ...optionsOf(command).map(({ name }) => hyphened(name)),
  ]),
  ...Object.values(FIRST_PARTY).flatMap((plugins) => Object.keys(plugins)),
  ...METRIC_NAMES,
].filter((name, i, all) => all.indexOf(name) === i)

/** Letters of either kind; '--no-prove' is asked for as 'prove', 'the gate' as 'gate'. */
function plainName(word: string): string {
  return word
    .trim()
    .toLowerCase()
    .replace(/^(the|pare|exit code) |^--/, '')
    .replace(/^no-/, '')
}

function exitCodes(name: string): readonly Topic[] {
  return EXIT_CODES.filter(({ code, names }) => name === String(code) || names.includes(name)).map(
    ({ code, meaning, advice }) => ({ kind: 'exit code', title: `exit code ${code}`, text: meaning, advice: [advice] }),
  )
}

function terms(name: string): readonly Topic[] {
  return GLOSSARY.filter(({ words }) => words.some((word) => plainName(word) === name)).map(({ text, elsewhere }) => {
    const colon = text.indexOf(': ')
    return {
      kind: 'word',
      title: text.slice(0, colon),
      text: text.slice(colon + 2),
      advice: elsewhere === undefined ? [] : [`Others call it: ${elsewhere}.`],
    }
  })
}

/** An option says the same in most commands: those that have it are named together. */
function options(name: string): readonly Topic[] {
  const topics = new Map<string, { readonly title: string; readonly text: string; readonly commands: CommandName[] }>()
  for (const command of Object.keys(COMMANDS) as CommandName[])
    for (const option of optionsOf(command)) {
      if (hyphened(option.name) !== name) continue
      const [title, text] = [flagsOf(option), helpOf(option)]
      const same = topics.get(`${title} ${text}`)
      if (same === undefined) topics.set(`${title} ${text}`, { title, text, commands: [command] })
      else same.commands.push(command)
    }
  return [...topics.values()].map(({ title, text, commands }) => ({
    kind: 'option',
    ...{ title, text },
    advice: [`Of ${commands.map((command) => `pare ${command}`).join(', ')}.`],
  }))
}

function commands(name: string): readonly Topic[] {
  return (Object.keys(COMMANDS) as CommandName[])
    .filter((command) => command === name)
    .map((command) => ({
      kind: 'command',
      title: `pare ${command}`,
      text: COMMANDS[command].help,
      advice: [`For example: ${COMMANDS[command].examples[0]}`, `All options: pare ${command} --help`],
    }))
}
