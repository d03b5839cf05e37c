import { KINDS, type TemplateName } from './kinds.js'
import { UsageError } from './usage-error.js'

/** A plugin that is to be started: its kind, and what it is called where. */
export interface NewPlugin {
  readonly kind: TemplateName
  /** 'word-order': its own name, and that of the criterion, structure or metric in it. */
  readonly name: string
  /** 'wordOrder': what the factory is called in the code. */
  readonly factory: string
  /** 'pare-metric-word-order', with a scope in front where one was given. */
  readonly packageName: string
  /** What is written in a config or on the command line: the name, or with a scope the whole package name. */
  readonly written: string
}

/** 'word-order', 'pare-metric-word-order' or '@acme/word-order' of a kind. Throws UsageError where it is no name. */
export function pluginNamed(text: string, kind: TemplateName): NewPlugin {
  const { prefix } = KINDS[kind]
  const [, scope = '', rest = ''] = /^(@[a-z0-9-][a-z0-9-._]*\/)?(.*)$/.exec(text) ?? []
  const name = rest.replace(new RegExp(`^pare-${prefix}-`), '')
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 60)
    throw new UsageError(
      `create-pare-plugin: '${text}' is no name; small letters, digits and single hyphens were expected, a letter first.`,
      `for example: npm create pare-plugin word-order -- --kind ${kind}`,
    )
  const factory = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  if (RESERVED.has(factory))
    throw new UsageError(
      `create-pare-plugin: '${name}' is a word of JavaScript, and no function can be called so.`,
      'choose another name.',
    )
  const packageName = `${scope}pare-${prefix}-${name}`
  return { kind, name, factory, packageName, written: scope === '' ? name : packageName }
}

const RESERVED = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if
  implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var
  void while with yield`.split(/\s+/),
)
