import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from '../main.js'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** A folder in which everything that a plugin installs is there already, linked to this repository: no network, no copies. */
export interface Workshop extends AsyncDisposable {
  readonly path: string
  /** Starts a plugin as `npm create pare-plugin` does, and links it as if it were installed. Returns its folder. */
  create(name: string, kind: string): Promise<string>
  /** Compiles the plugins in it as one program, which is quicker than one by one: everything strict, and declarations of libraries looked at too. */
  build(): Promise<CommandResult>
  /** Runs one of the commands that npm would find, in a folder. Never throws for an exit code. */
  run(command: 'pare' | 'tsc' | 'vitest', args: readonly string[], folder?: string): Promise<CommandResult>
}

export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export async function openWorkshop(): Promise<Workshop> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'pare-workshop-')))
  const modules = join(path, 'node_modules')
  await linkInstalled(modules)
  for (const [from, to] of [
    ['mlp-digits.onnx', 'model.onnx'],
    ['data/digits-evaluate.npz', 'val.npz'],
    ['data/digits-calibrate.npz', 'calibrate.npz'],
  ] as const)
    await cp(join(ROOT, 'test-models', from), join(path, to))
  const run: Workshop['run'] = (command, args, folder = path) => execute([COMMANDS[command], ...args], folder)
  return {
    path,
    run,
    async create(name, kind) {
      const { stdout, stderr, exitCode } = await createIn(path, [name, '--kind', kind])
      const [, packageName = '', folder = ''] = /^Wrote (\S+) into (\S+)\./.exec(stdout) ?? []
      if (exitCode !== 0) throw new Error(stderr)
      await link(join(path, folder), join(modules, packageName))
      return join(path, folder)
    },
    async build() {
      const plugins = (await readdir(path)).filter((name) => /^pare-(criterion|structure|preset|metric)-/.test(name))
      const include = plugins.map((name) => `${name}/src`)
      const compilerOptions = { rootDir: '.', outDir: 'built', skipLibCheck: false }
      const config = { extends: `./${plugins[0]}/tsconfig.json`, compilerOptions, include }
      await writeFile(join(path, 'tsconfig.json'), JSON.stringify(config))
      const finished = await run('tsc', ['-p', '.'])
      for (const name of plugins) await cp(join(path, 'built', name, 'src'), join(path, name, 'dist'), { recursive: true })
      return finished
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** `create-pare-plugin …argv` in a folder, without a terminal. */
export async function createIn(cwd: string, argv: readonly string[]): Promise<CommandResult> {
  const [out, err]: [string[], string[]] = [[], []]
  const exitCode = await main(argv, {
    stdin: {},
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    ...{ cwd, env: {}, year: 2026 },
  })
  return { exitCode, stdout: out.join(''), stderr: err.join('') }
}

const COMMANDS = {
  pare: join(ROOT, 'packages/cli/bin/pare.js'),
  tsc: join(ROOT, 'node_modules/typescript/bin/tsc'),
  vitest: join(ROOT, 'node_modules/vitest/vitest.mjs'),
}

/** Our packages, and the tools that a plugin's package.json names. */
async function linkInstalled(modules: string): Promise<void> {
  for (const name of await readdir(join(ROOT, 'node_modules/@pare')))
    await link(join(ROOT, 'node_modules/@pare', name), join(modules, '@pare', name))
  for (const name of ['typescript', 'vitest', '@types/node']) await link(join(ROOT, 'node_modules', name), join(modules, name))
}

async function link(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await symlink(await realpath(from), to, 'junction')
}

function execute(args: readonly string[], cwd: string): Promise<CommandResult> {
  // What this process is told by its own test runner is not meant for another.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_OPTIONS|NODE_ENV|TEST)/.test(name)),
  )
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, env: { ...env, NO_COLOR: '1' }, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, stdout, stderr })
    })
  })
}
