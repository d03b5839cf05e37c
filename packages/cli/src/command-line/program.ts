import { Command } from 'commander'
import { COMMANDS, type CommandName } from '../options/commands.js'
import { flagsOf, helpOf, hyphened, type Option, optionsOf } from '../options/options.js'
import type { OptionValues } from '../options/overrides.js'
import { readText } from '../options/text.js'
import type { Context } from '../terminal/context.js'
import { EXIT_CODES as CODES } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'
import { type Io, wantsColor } from '../terminal/io.js'
import { packageVersion } from '../terminal/version.js'

/** A command, with its arguments as text and its options read. Returns the exit code. */
type Execute = (context: Context, words: readonly string[], values: OptionValues) => Promise<number>

/** Each command's module is loaded only when it runs. */
const EXECUTE: { readonly [Name in CommandName]: () => Promise<Execute> } = {
  bench: async () => (await import('../commands/bench.js')).bench,
  calibrate: async () => (await import('../commands/calibrate.js')).calibrate,
  check: async () => (await import('../commands/check.js')).check,
  completion: async () => (await import('../commands/completion.js')).completion,
  devices: async () => (await import('../commands/devices.js')).devices,
  evaluate: async () => (await import('../commands/evaluate.js')).evaluate,
  explain: async () => (await import('../commands/explain.js')).explain,
  init: async () => (await import('../commands/init.js')).init,
  inspect: async () => (await import('../commands/inspect.js')).inspect,
  merge: async () => (await import('../commands/merge.js')).merge,
  plan: async () => (await import('../commands/plan.js')).plan,
  'plan-run': async () => (await import('../commands/plan-run.js')).planRun,
  plugin: async () => (await import('../commands/plugin.js')).plugin,
  prune: async () => (await import('../commands/prune.js')).prune,
  recipe: async () => (await import('../commands/recipe.js')).recipe,
  report: async () => (await import('../commands/report.js')).report,
  replay: async () => (await import('../commands/replay.js')).replay,
  run: async () => (await import('../commands/run.js')).run,
  sensitivity: async () => (await import('../commands/sensitivity.js')).sensitivity,
  vocabulary: async () => (await import('../commands/vocabulary.js')).vocabulary,
}

/** Makes the context of the command that runs. */
export type Start = () => Promise<Context>

/** Keeps the exit code of the command that ran. */
export type Finish = (exitCode: number) => void

/** The command line as commander sees it, made of the table of commands and that of options. */
export function makeProgram(io: Io, start: Start, finish: Finish): Command {
  const program = new Command('pare')
    .description('Prunes ONNX models, measures what it cost, and fails when it cost too much.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput(outputs(io))
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => `\u001b[1m${title}\u001b[22m` })
    .option('--json', 'print exactly one JSON document on stdout')
    .option('-q, --quiet', 'no progress and no tables: errors, and of evaluate the figures')
    .option('--verbose', 'print stack traces of errors')
    .addHelpText('after', INTRODUCTION)
  for (const name of Object.keys(COMMANDS) as CommandName[]) addCommand(program, name, { start, finish })
  return program
}

function addCommand(program: Command, name: CommandName, { start, finish }: { start: Start; finish: Finish }): void {
  const { arguments: words, help, examples } = COMMANDS[name]
  const command = program.command(`${name} ${words}`.trim()).description(help)
  for (const option of optionsOf(name)) addOption(command, option)
  // An option may be asked for as it is written: pare explain --max-drop.
  if (name === 'explain') command.allowUnknownOption()
  command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}${name === 'run' ? `\n${EXIT_CODES}` : ''}`,
  )
  command.action(async () => {
    const context = await start()
    const execute = await EXECUTE[name]()
    finish(await execute(context, command.args, valuesOf(command, name)))
  })
}

function addOption(command: Command, option: Option): void {
  const { argument, isRequired } = option
  const help = helpOf(option)
  if (argument === undefined) command.option(flagsOf(option), help)
  else if (isRequired) command.requiredOption(flagsOf(option), help, reader(option))
  else command.option(flagsOf(option), help, reader(option))
  if (option.both !== true) return
  const { argument: _, ...switched } = option
  command.option(flagsOf({ ...switched, negative: true }), 'not so, also where the config says so')
}

/** A parser for commander: what the text means, or a usage error with the option, the value and what was expected. */
function reader({ name, schema, read, hint, repeatable }: Option): (text: string, before?: unknown) => unknown {
  return (text, before) => {
    const meaning = readText(text, { schema, read })
    if ('value' in meaning) return repeatable === true ? joined(before, meaning.value) : meaning.value
    throw usage(
      `pare: --${hyphened(name)} is '${text}'; expected ${meaning.expected}.`,
      meaning.hint ?? (typeof hint === 'function' ? hint(text) : hint) ?? 'see the option in --help',
    )
  }
}

/** What was given before, and what comes behind it. */
function joined(before: unknown, value: unknown): unknown {
  if (typeof value === 'object' && !Array.isArray(value)) return { ...(before as object | undefined), ...value }
  return [...((before as unknown[] | undefined) ?? []), ...(Array.isArray(value) ? value : [value])]
}

/** What was given. Commander says true of --no-… that nobody gave. */
function valuesOf(command: Command, name: CommandName): OptionValues {
  const options = new Map(optionsOf(name).map((option) => [option.name, option]))
  return Object.fromEntries(
    Object.entries(command.opts()).flatMap(([key, value]) => {
      const { negative, bare } = options.get(key) ?? {}
      if (negative === true && value === true) return []
      // Commander says true of an option whose value was left out.
      return [[key, bare !== undefined && value === true ? bare : value]]
    }),
  )
}

function outputs(io: Io) {
  return {
    writeOut: (text: string) => void io.stdout.write(text),
    writeErr: (text: string) => void io.stderr.write(text),
    // Errors are told in one place, as JSON where that was asked for.
    outputError: () => {},
    getOutHelpWidth: () => io.stdout.columns ?? 100,
    getErrHelpWidth: () => io.stderr.columns ?? 100,
    getOutHasColors: () => wantsColor(io.stdout, io.env),
    getErrHasColors: () => wantsColor(io.stderr, io.env),
  }
}

const INTRODUCTION = `
Start here:
  $ pare inspect model.onnx                 what is in the model, and what can be pruned
  $ pare prune model.onnx --sparsity 0.5    writes pare-out/model/model.onnx
  $ pare init                               writes a config for pare run and the GitHub Action

Help on a command: pare <command> --help`

const EXIT_CODES = `\nExit codes:\n${CODES.map(({ code, meaning }) => `  ${String(code).padEnd(3)}  ${meaning}`).join('\n')}`
