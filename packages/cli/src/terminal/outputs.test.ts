import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const PACKAGES = fileURLToPath(new URL('../../../', import.meta.url))

/** What writes to a terminal or a log: with these, texts of others get there that nothing has made harmless. */
const OUTPUT =
  /\bconsole\.\w+\(|\bprocess\.(stdout|stderr)\b|\b(stdout|stderr)\.write\(|\bemitWarning\(|\bcore\.(info|notice|warning|error|debug|setFailed|summary)\b|\bwrite(Out|Err): /

/** Each with what it does to texts of others. */
const ALLOWED: Readonly<Record<string, string>> = {
  'action/src/log.ts': 'makes lines and annotations harmless; all others of the action go through it',
  'action/src/main.ts': 'writes nothing: it waits until all is written',
  'action/src/engine/workspace-engine.ts': 'names a signal',
  'cli/src/command-line/command-line.ts': 'makes messages and hints harmless',
  'cli/src/commands/completion.ts': 'a script that is made of our own options',
  'cli/src/command-line/program.ts': 'help, which is ours; errors of arguments are thrown',
  'cli/src/commands/run.ts': 'makes stacks harmless',
  'cli/src/init/questions.ts': 'what the library of questions draws, of texts that are made harmless before',
  'cli/src/main.ts': 'hands both streams to the commands',
  'cli/src/terminal/context.ts': 'makes tables and JSON harmless; all commands go through it',
  'cli/src/terminal/progress.ts': 'makes notes and labels harmless',
  'create-pare-plugin/src/main.ts': 'says what it was told on its own command line',
  'testing/src/python.ts': 'says why tests are skipped',
}

it('nothing is printed but by what makes texts of others harmless', async () => {
  const names: string[] = []
  for (const { name } of (await readdir(PACKAGES, { withFileTypes: true })).filter((entry) => entry.isDirectory())) {
    const files = await readdir(join(PACKAGES, name, 'src'), { recursive: true }).catch(() => [])
    for (const file of files.filter((each) => each.endsWith('.ts') && !/\.test\.|^testing[/\\]/.test(each))) {
      const text = await readFile(join(PACKAGES, name, 'src', file), 'utf8')
      const prints = text.split('\n').some((line) => OUTPUT.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line))
      if (prints) names.push(`${name}/src/${file.replaceAll('\\', '/')}`)
    }
  }
  expect(names.sort()).toEqual(Object.keys(ALLOWED).sort())
})
