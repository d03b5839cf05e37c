import { CommanderError } from 'commander'
import { type Context, type OutputFlags, toJson } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { Failure, type FailureReport, isAbort, reportOf, stackOf } from '../terminal/failure.js'
import { type Io, wantsColor } from '../terminal/io.js'
import { makeProgress } from '../terminal/progress.js'
import { packageVersion } from '../terminal/version.js'
import { clipped, visible, visibleMessage } from '../terminal/visible.js'

/** Runs one command and returns its exit code. Touches nothing of the process but `io` and files. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  // Nothing is loaded for it: scripts ask often.
  if (argv.length === 1 && argv[0] === '--version') {
    io.stdout.write(`${packageVersion()}\n`)
    return EXIT.pass
  }
  const flags = readFlags(argv)
  const outcome: { exitCode: number } = { exitCode: EXIT.usage }
  const { makeProgram } = await import('./program.js')
  const program = makeProgram(io, start, (exitCode) => {
    outcome.exitCode = exitCode
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    if (error instanceof CommanderError && isHelp(error)) return error.exitCode === 0 ? EXIT.pass : EXIT.usage
    return await tell(error, { io, flags, command: argv.find((word) => !word.startsWith('-')) ?? '' })
  }

  async function start(): Promise<Context> {
    return { io, flags, progress: await makeProgress(io, flags.quiet), words: argv }
  }
}

/** Read before parsing, because errors of parsing obey them too. */
function readFlags(argv: readonly string[]): OutputFlags {
  const end = argv.indexOf('--')
  const words = new Set(end < 0 ? argv : argv.slice(0, end))
  return { json: words.has('--json'), quiet: words.has('--quiet') || words.has('-q'), verbose: words.has('--verbose') }
}

function isHelp(error: CommanderError): boolean {
  return error.exitCode === 0 || error.code === 'commander.help'
}

/** Tells what went wrong, on stderr or as the one JSON document, and returns the exit code. */
async function tell(error: unknown, { io, flags, command }: { io: Io; flags: OutputFlags; command: string }): Promise<number> {
  const interrupted = io.signal.aborted || isAbort(error)
  // A command that keeps what it did so far says so itself.
  const report = interrupted
    ? error instanceof Failure
      ? reportOf(error)
      : INTERRUPTED
    : error instanceof CommanderError
      ? await reportOfArguments(error, command)
      : reportOf(error)
  const { message, hint, problems } = report
  if (flags.json) io.stdout.write(`${toJson({ schemaVersion: 1, command, error: { message, hint, problems } })}\n`)
  const { bold, dim } = wantsColor(io.stderr, io.env) ? STYLES : PLAIN
  io.stderr.write(`${bold(visibleMessage(message))}\n${hint === undefined ? '' : `  hint: ${visible(clipped(hint))}\n`}`)
  if (flags.verbose && !interrupted) io.stderr.write(`${dim(visibleMessage(stackOf(error)))}\n`)
  return interrupted ? EXIT.interrupted : EXIT[report.kind]
}

const INTERRUPTED: FailureReport = { kind: 'infrastructure', message: 'pare: interrupted. Nothing half written is left behind.' }

/** "error: unknown option '--sparsty'\n(Did you mean --sparsity?)" → who, what, and the suggestion as hint. */
async function reportOfArguments(error: CommanderError, command: string): Promise<FailureReport> {
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const others = error.code === 'commander.unknownOption' ? await commandsWith(/'(--[\w-]+)/.exec(first)?.[1]) : []
  const help = `see: pare ${error.code === 'commander.unknownCommand' ? '' : `${command} `}--help`
  const elsewhere = others.length === 0 ? undefined : `it is an option of ${others.map((name) => `pare ${name}`).join(', ')}.`
  const guess = elsewhere ?? suggestion?.replace(/^\(Did you mean (.*)\?\)$/, 'did you mean $1?')
  return {
    kind: 'usage',
    message: `pare: ${first.replace(/\.?$/, '.')}`,
    hint: guess === undefined ? help : `${guess} Otherwise ${help}`,
  }
}

/** The commands that take an option which another does not. */
async function commandsWith(flag: string | undefined): Promise<readonly string[]> {
  if (flag === undefined) return []
  const [{ COMMANDS }, { flagsOf, optionsOf }] = await Promise.all([
    import('../options/commands.js'),
    import('../options/options.js'),
  ])
  return (Object.keys(COMMANDS) as (keyof typeof COMMANDS)[]).filter((name) =>
    optionsOf(name).some((option) => flagsOf(option).split(/,? /).includes(flag)),
  )
}

const STYLES = { bold: (text: string) => `\u001b[1;31m${text}\u001b[0m`, dim: (text: string) => `\u001b[2m${text}\u001b[0m` }
const PLAIN = { bold: (text: string) => text, dim: (text: string) => text }
