import { resolve } from 'node:path'
import { createColors } from 'picocolors'
import { showPath } from '../files/paths.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import type { LawOutcome } from '../plugins/check/check-laws.js'
import { checkPlugin, type PluginReport } from '../plugins/check/check-plugin.js'
import type { PluginFinding } from '../plugins/check/finding.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'
import { wantsColor } from '../terminal/io.js'

/** `pare plugin check [FOLDER]`: everything that users of a plugin rely on. It runs the plugin's code. */
export async function plugin(context: Context, [verb, folder = '.']: readonly string[], values: OptionValues): Promise<number> {
  if (verb !== 'check')
    throw usage(
      `pare plugin: '${verb}' is no command; check was expected.`,
      'check a plugin: pare plugin check. Start one: npm create pare-plugin',
    )
  const { io } = context
  const path = resolve(io.cwd, folder)
  const { options = {} } = ownOf('plugin', values)
  const report = await checkPlugin(path, { options, signal: io.signal })
  const { name, version, kind, findings, laws } = report
  answer(context, { schemaVersion: 1, command: 'plugin', plugin: { name, version, kind }, findings, laws })
  const colors = createColors(wantsColor(io.stdout, io.env))
  say(context, report, (shown) => render(shown, { place: showPath(path, io.cwd), colors }))
  return exitOf(findings)
}

function exitOf(findings: readonly PluginFinding[]): number {
  if (findings.some(({ status }) => status === 'fail')) return EXIT.fail
  return findings.some(({ status }) => status === 'skipped') ? EXIT.infrastructure : EXIT.pass
}

interface Style {
  readonly place: string
  readonly colors: ReturnType<typeof createColors>
}

function render({ name, version, findings, laws }: PluginReport, { place, colors }: Style): string {
  const marks = { pass: colors.green('ok    '), fail: colors.red('wrong '), skipped: colors.yellow('open  ') }
  const line = ({ check, status, message, hint }: PluginFinding) =>
    `${marks[status]}${check.padEnd(9)}${message}${hint === undefined ? '' : `\n               hint: ${hint}`}`
  const law = ({ law: sentence, status, message }: LawOutcome) =>
    `  ${marks[status]}${sentence}${message === undefined ? '' : `\n          ${message}`}`
  const wrong = findings.filter(({ status }) => status === 'fail').length
  const open = findings.filter(({ status }) => status === 'skipped').length
  return [
    `${name} ${version} in ${place}`,
    '',
    ...findings.map(line),
    ...laws.map(law),
    '',
    wrong + open === 0 ? 'It can be published.' : `${wrong} wrong, ${open} not looked at.`,
  ].join('\n')
}
