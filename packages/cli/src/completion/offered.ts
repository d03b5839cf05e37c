import { METRIC_NAMES } from '@pare/evaluate/choices'
import { z } from 'zod'
import { COMMANDS, type CommandName } from '../options/commands.js'
import { helpOf, hyphened, type Option, optionsOf } from '../options/options.js'
import { FIRST_PARTY } from '../plugins/first-party.js'

/** What may stand at a place of a command line: one of some words, a file, a folder, or something that cannot be guessed. */
export type CompletionOffer = readonly string[] | 'file' | 'folder' | 'nothing'

/** An option as shells offer it. */
export interface OfferedOption {
  /** With its dashes: '--max-drop'. */
  readonly long: string
  readonly short?: string
  readonly help: string
  /** Absent: it takes no value. */
  readonly value?: CompletionOffer
}

export interface OfferedCommand {
  readonly name: string
  readonly help: string
  readonly options: readonly OfferedOption[]
  /** What stands behind the command without an option. */
  readonly words: CompletionOffer
}

/** Every command with its options, from the table of options. `words`: what commands take besides files. */
export function offeredCommands(words: Readonly<Partial<Record<CommandName, readonly string[]>>>): readonly OfferedCommand[] {
  return (Object.keys(COMMANDS) as CommandName[]).map((name) => ({
    name,
    help: firstSentence(COMMANDS[name].help),
    options: [...optionsOf(name).flatMap(offered), ...GLOBAL],
    words: words[name] ?? (COMMANDS[name].arguments === '' ? 'nothing' : 'file'),
  }))
}

function offered(option: Option): readonly OfferedOption[] {
  const { name, short, argument, negative, both } = option
  const help = helpOf(option)
  const long = `--${negative === true ? 'no-' : ''}${hyphened(name)}`
  const one = {
    ...{ long, help },
    ...(short !== undefined && { short: `-${short}` }),
    ...(argument !== undefined && { value: candidatesOf(option) }),
  }
  return both === true ? [one, { long: `--no-${hyphened(name)}`, help: 'not so, also where the config says so' }] : [one]
}

const GLOBAL: readonly OfferedOption[] = [
  { long: '--json', help: 'print exactly one JSON document on stdout' },
  { long: '--quiet', short: '-q', help: 'no progress and no tables: errors, and of evaluate the figures' },
  { long: '--verbose', help: 'print stack traces of errors' },
  { long: '--help', short: '-h', help: 'print this help' },
]

/** How help calls values that are files. */
const FILES = ['file', 'model', 'original', 'path', 'names', 'data', 'name=file']

function candidatesOf({ name, argument, schema }: Option): CompletionOffer {
  const named = NAMES[name] ?? wordsOf(schema)
  if (named.length > 0) return named
  if (argument === 'folder') return 'folder'
  return FILES.includes(argument!) ? 'file' : 'nothing'
}

/** What comes with Pare, where a plugin of others may be named too. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  criterion: Object.keys(FIRST_PARTY.criterion),
  structure: Object.keys(FIRST_PARTY.structure),
  preset: Object.keys(FIRST_PARTY.preset),
  metric: METRIC_NAMES.map((name) => name.replace(/-k$/, '-5')),
}

/** The words that a schema has as such. */
function wordsOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodEnum) return schema.options.map(String)
  if (schema instanceof z.ZodLiteral) return [...schema.values].filter((value) => typeof value === 'string')
  if (schema instanceof z.ZodUnion) return (schema.options as readonly z.ZodType[]).flatMap(wordsOf)
  if (schema instanceof z.ZodArray) return wordsOf(schema.element as z.ZodType)
  return []
}

/** Menus of shells have one line for each. */
function firstSentence(help: string): string {
  return help.split(/(?<=\.)\s|: /, 1)[0]!.replace(/\.$/, '')
}
