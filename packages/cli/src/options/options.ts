import { z } from 'zod'
import { COMMANDS, type CommandName } from './commands.js'
import { SECTIONS } from './config.js'
import type { Field, Fields, Flag } from './row.js'

/** A row as the command line and the action have it. */
export interface Option extends Omit<Flag, 'on' | 'also' | 'schema' | 'required' | 'help'> {
  /** In camelCase, as commander gives it. */
  readonly name: string
  readonly help: string
  readonly schema: z.ZodType
  readonly isRequired: boolean
  /** Where it stands in the settings of a model: 'gate.maxDrop'. None: the command alone knows it. */
  readonly places: readonly string[]
}

/** Everything that a command takes, what it shares with others first. */
export function optionsOf(command: CommandName): readonly Option[] {
  const {
    own,
    like,
    places = {},
  } = COMMANDS[command] as {
    readonly own: Fields
    readonly like?: CommandName
    readonly places?: Readonly<Record<string, string>>
  }
  const shared = Object.entries(SECTIONS).flatMap(([section, fields]) => optionsIn(section, fields, like ?? command))
  const alone = Object.entries(own).flatMap(([key, field]) =>
    field.flags.map((flag) => option(key, field, flag, { command, places: places[key] === undefined ? [] : [places[key]] })),
  )
  return [...shared, ...alone]
}

function optionsIn(section: string, fields: Fields, command: CommandName): readonly Option[] {
  return Object.entries(fields).flatMap(([key, field]) =>
    field.flags
      .filter(({ on }) => on.includes(command))
      .map((flag) =>
        option(key, field, flag, { command, places: [section === '' ? key : `${section}.${key}`, ...(flag.also ?? [])] }),
      ),
  )
}

function option(
  key: string,
  field: Field,
  { on: _, also: __, required = [], ...flag }: Flag,
  { command, places }: { readonly command: CommandName; readonly places: readonly string[] },
): Option {
  const { name = key, schema = field.schema, help = field.help } = flag
  const fallback = flag.help === undefined ? field.default : flag.default
  return {
    ...flag,
    ...{ name, schema, help, places, isRequired: required.includes(command) },
    ...(fallback !== undefined && { default: fallback }),
  }
}

/** 'maxDrop' → 'max-drop'. */
export function hyphened(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** '-o, --out <folder>' */
export function flagsOf({ name, short, argument, negative, bare }: Option): string {
  const long = `--${negative === true ? 'no-' : ''}${hyphened(name)}`
  return `${short === undefined ? '' : `-${short}, `}${long}${argument === undefined ? '' : bare === undefined ? ` <${argument}>` : ` [${argument}]`}`
}

/** Help for one line: what it does, and what holds without it. */
export function helpOf({ help, schema, default: fallback, repeatable, negative }: Option): string {
  // That a switch is off, everybody expects.
  const isUsual = fallback === undefined || fallback === 'off' || negative === true
  const notes = [...(repeatable === true ? ['repeatable'] : []), ...(isUsual ? [] : [`default: ${fallback}`])]
  return `${withChoices(help, schema)}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`
}

/** Where it is one of some words, these too: 'what is ranked together: row, tensor'. */
export function withChoices(help: string, schema: z.ZodType): string {
  return schema instanceof z.ZodEnum ? `${help}: ${schema.options.join(', ')}` : help
}
