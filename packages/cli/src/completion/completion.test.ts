import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { COMMANDS, type CommandName } from '../options/commands.js'
import { hyphened, optionsOf } from '../options/options.js'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
import { SHELLS, type Shell } from './scripts.js'

async function scriptOf(shell: Shell): Promise<string> {
  const { exitCode, stdout, stderr } = await pare(['completion', shell], { cwd: '/' })
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return stdout
}

/** Runs a program of a shell in a folder, and returns the lines it prints. */
function linesOf(command: readonly [string, ...string[]], program: string, cwd: string): readonly string[] {
  const [shell, ...args] = command
  const { stdout, stderr, status } = spawnSync(shell, [...args, '-c', program], { cwd, encoding: 'utf8' })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout.split('\n').filter((line) => line !== '')
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`
const isInstalled = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0

/** What is typed, and what each shell must offer, of whatever else. */
const TYPED: readonly (readonly [words: readonly string[], offered: readonly string[]])[] = [
  [
    ['pare', 'pl'],
    ['plan', 'plan-run', 'plugin'],
  ],
  [
    ['pare', 'prune', '--sc'],
    ['--scope', '--schedule'],
  ],
  [
    ['pare', 'prune', '--scope', ''],
    ['row', 'tensor', 'group', 'global'],
  ],
  [['pare', 'prune', '--criterion', 'wan'], ['wanda']],
  [['pare', 'run', '--no-allow'], ['--no-allow-worthless-reference']],
  [
    ['pare', 'completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['pare', 'recipe', 'server'], ['server-encoder']],
  [['pare', 'explain', 'max-dr'], ['max-drop']],
  [['pare', 'prune', 'a mod'], ['a model.onnx']],
  [['pare', 'prune', '--data', 'val'], ['val.npz']],
]

describe.skipIf(!isInstalled('bash'))('bash', () => {
  const ask = (script: string, words: readonly string[], cwd: string) =>
    linesOf(
      ['bash', '--norc'],
      `source /dev/stdin <<'SCRIPT'\n${script}\nSCRIPT\nCOMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=${words.length - 1}; _pare; printf '%s\\n' "\${COMPREPLY[@]}"`,
      cwd,
    )

  it.each(TYPED)('%j', async (words, offered) => {
    await using folder = await fixture(undefined, { 'a model.onnx': '' })
    const replies = ask(await scriptOf('bash'), words, folder.path)
    // Bash filters itself: nothing else comes.
    expect([...replies].sort()).toEqual([...offered].sort())
  })

  it('splits --scope=row at the sign, and completes it all the same', async () => {
    const script = await scriptOf('bash')
    expect(ask(script, ['pare', 'prune', '--scope', '='], '/')).toContain('tensor')
    expect(ask(script, ['pare', 'prune', '--scope', '=', 'r'], '/')).toEqual(['row'])
  })

  it('offers every option of every command, and no other', async () => {
    const script = await scriptOf('bash')
    for (const command of ['run', 'bench', 'merge', 'init'] as const) {
      const offered = ask(script, ['pare', command, '--'], '/')
      const own = optionsOf(command).flatMap(({ name, negative, both }) => [
        ...(negative === true ? [] : [`--${hyphened(name)}`]),
        ...(negative === true || both === true ? [`--no-${hyphened(name)}`] : []),
      ])
      expect([...offered].sort()).toEqual([...own, '--help', '--json', '--quiet', '--verbose'].sort())
    }
  })

  it('offers folders where a folder is wanted, and nothing where nobody can guess', async () => {
    await using folder = await fixture(undefined, { 'results/a.txt': '' })
    const script = await scriptOf('bash')
    expect(ask(script, ['pare', 'prune', '--out', ''], folder.path)).toEqual(['results'])
    expect(ask(script, ['pare', 'prune', '--sparsity', ''], folder.path)).toEqual([])
  })
})

describe.skipIf(!isInstalled('fish'))('fish', () => {
  it.each(TYPED)('%j', async (words, offered) => {
    await using folder = await fixture(undefined, { 'a model.onnx': '' })
    const line = words.map((word) => word.replaceAll(' ', '\\ ')).join(' ')
    const script = `${await scriptOf('fish')}\ncomplete -C ${quoted(line)}`
    const replies = linesOf(['fish', '--no-config'], script, folder.path).map((reply) =>
      reply.split('\t')[0]!.replaceAll('\\', ''),
    )
    expect(replies).toEqual(expect.arrayContaining([...offered]))
  })
})

describe.skipIf(!isInstalled('zsh'))('zsh', () => {
  /** The script runs as it is; what zsh itself offers of it is printed instead. */
  const STUBS = `compdef() { : }; compset() { : }; compadd() { shift; print -rl -- "$@" }
_files() { print -r -- files }; _describe() { print -rl -- "\${(@P)2}" }`

  it.each(TYPED)('%j', async (words, offered) => {
    const program = `${STUBS}\n${await scriptOf('zsh')}\nwords=(${words.map(quoted).join(' ')}); CURRENT=${words.length}; _pare`
    const replies = linesOf(['zsh', '-f'], program, '/').map((reply) => reply.split(':')[0])
    expect(replies).toEqual(expect.arrayContaining(offered.some((name) => name.includes('.')) ? ['files'] : [...offered]))
  })
})

it.each(SHELLS)('the script for %s has every command and every long option', async (shell) => {
  const script = await scriptOf(shell)
  for (const command of Object.keys(COMMANDS) as CommandName[]) {
    expect(script).toContain(command)
    for (const { name } of optionsOf(command)) expect(script).toMatch(new RegExp(`(--(no-)?|-l (no-)?)${hyphened(name)}\\b`))
  }
})

it('of another shell is an error that names those there are', async () => {
  const { exitCode, stderr } = await pare(['completion', 'bsh'], { cwd: '/' })
  expect(exitCode).toBe(2)
  expect(stderr).toBe(
    "pare completion: there is no script for 'bsh'; expected one of bash, zsh, fish.\n  hint: did you mean 'bash'?\n",
  )
})
