import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { KINDS, TEMPLATE_NAMES, type TemplateName } from './kinds.js'
import { type NewPlugin, pluginNamed } from './new-plugin.js'
import { filesOf, writePlugin } from './scaffold.js'
import { UsageError } from './usage-error.js'

/** What the command touches of the process it runs in. */
export interface Terminal {
  readonly stdin: { readonly isTTY?: boolean | undefined }
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  readonly stderr: { write(text: string): unknown }
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Of the licence. */
  readonly year: number
}

/** `create-pare-plugin [name] --kind KIND`: returns the exit code, 0, 2 where the command is wrong, or 130 where it was broken off. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const { name, kind, folder, help } = read(argv)
    if (help) {
      terminal.stdout.write(HELP)
      return 0
    }
    const asked = await complete({ name, kind }, terminal)
    if (asked === undefined) return 130
    const plugin = pluginNamed(asked.name, asked.kind)
    const place = resolve(terminal.cwd, folder ?? plugin.packageName.replace(/^@[^/]+\//, ''))
    await writePlugin(place, await filesOf(plugin, terminal.year))
    terminal.stdout.write(nextSteps(plugin, relative(terminal.cwd, place) || '.'))
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    terminal.stderr.write(`${error.message}\n  hint: ${error.hint}\n`)
    return 2
  }
}

interface Arguments {
  readonly name: string | undefined
  readonly kind: TemplateName | undefined
  readonly folder: string | undefined
  readonly help: boolean
}

function read(argv: readonly string[]): Arguments {
  const options = {
    kind: { type: 'string', short: 'k' },
    folder: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const
  const { values, positionals } = parsed(() => parseArgs({ args: [...argv], allowPositionals: true, options }))
  const [name, ...more] = positionals
  if (more.length > 0)
    throw new UsageError(
      `create-pare-plugin: one name was expected, and there are ${positionals.length}: ${positionals.join(', ')}.`,
      EXAMPLE,
    )
  return { name, kind: kindOf(values.kind), folder: values.folder, help: values.help === true }
}

function parsed<Result>(parse: () => Result): Result {
  try {
    return parse()
  } catch (error) {
    throw new UsageError(
      `create-pare-plugin: ${(error as Error).message.split('. ')[0]}.`,
      'see: npm create pare-plugin -- --help',
    )
  }
}

function kindOf(text: string | undefined): TemplateName | undefined {
  if (text === undefined) return undefined
  const kind = TEMPLATE_NAMES.find((name) => name === text)
  if (kind !== undefined) return kind
  throw new UsageError(`create-pare-plugin: --kind is '${text}'; one of ${TEMPLATE_NAMES.join(', ')} was expected.`, EXAMPLE)
}

/** What was said, and on a terminal what is asked. Undefined: it was broken off. */
async function complete({ name, kind }: Pick<Arguments, 'name' | 'kind'>, { stdin, stdout, env }: Terminal) {
  if (name !== undefined && kind !== undefined) return { name, kind }
  if (stdin.isTTY === true && stdout.isTTY === true && !env.CI) return (await import('./questions.js')).ask({ name, kind })
  const missing = [...(name === undefined ? ['a name'] : []), ...(kind === undefined ? ['--kind'] : [])]
  throw new UsageError(`create-pare-plugin: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing.`, EXAMPLE)
}

const EXAMPLE = 'for example: npm create pare-plugin word-order -- --kind metric'

function nextSteps({ packageName, kind, written }: NewPlugin, folder: string): string {
  const { prefix } = KINDS[kind]
  return `Wrote ${packageName} into ${folder}.

  cd ${folder}
  npm install
  npm run build
  npm test                  your tests, and the laws that every ${kind} obeys
  npx pare plugin check     everything that users of the package rely on

Your code goes into ${join('src', 'index.ts')}. Where the package is installed, it is called '${written}': --${prefix} ${written}
`
}

const HELP = `npm create pare-plugin [name] -- --kind <kind>

Starts a plugin for Pare: TypeScript, tests, README, licence and workflows, in a folder of its own. What is missing is asked on a terminal.

Kinds:
${TEMPLATE_NAMES.map((name) => `  ${name.padEnd(16)}${KINDS[name].what}`).join('\n')}

Options:
  -k, --kind <kind>     what the plugin does
  --folder <folder>     where it is written (default: the name of the package); must be empty
  -h, --help            print this help
`
