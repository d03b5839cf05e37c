// Installs what package-lock.json names, unless that is what is installed already.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = `${root}node_modules/.installed-lock`

/** `quiet`: nothing is written to stdout, which `npm pack --json` uses. */
export function setup(options = {}) {
  installNode24(options)
  const hash = createHash('sha256')
    .update(readFileSync(`${root}package-lock.json`))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  run('npm', ['ci', '--no-audit', '--no-fund'], options)
  writeFileSync(stamp, hash)
}

/** The action's tests run it as GitHub does. Elsewhere, and on a Node that is new enough, they use the Node they run on. */
function installNode24(options) {
  const wanted = process.platform === 'linux' && process.arch === 'x64' && Number(process.versions.node.split('.')[0]) < 24
  if (wanted && !existsSync(`${root}scripts/node24/node_modules`))
    run('npm', ['ci', '--prefix', 'scripts/node24', '--no-audit', '--no-fund'], options)
}

/** Runs a command from the root, showing what it prints (`quiet`: only when it fails, on stderr); ends this process with its exit code when that is not 0. */
export function run(command, args, { quiet = false } = {}) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd: root,
    stdio: ['inherit', quiet ? 'pipe' : 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    env: {
      ...withoutOptionsOfNpm(process.env),
      TURBO_TELEMETRY_DISABLED: '1',
      TURBO_NO_UPDATE_NOTIFIER: '1',
      ONNXRUNTIME_NODE_INSTALL: 'skip',
    },
  })
  if (error) throw error
  if (status !== 0 && quiet) process.stderr.write(stdout)
  if (status !== 0) process.exit(status ?? 1)
}

/** npm hands its options to scripts as variables: a `--dry-run` or `--workspace` of `npm publish` is not meant for the `npm ci` in here. */
function withoutOptionsOfNpm(env) {
  const own =
    /^npm_config_(dry_run|workspaces?|include_workspace_root|json|silent|loglevel|pack_destination|ignore_scripts|prefix|global)$/i
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)))
}
