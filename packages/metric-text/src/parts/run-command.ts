import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeTemporaryFolder, PareError } from '@pare/onnx'

export interface CommandOptions {
  /** For the shell of the system. */
  readonly command: string
  /** 'bwrap': without network and sockets of others, nothing can be written but a temporary folder, and all its processes end with it. 'none': as any program. */
  readonly sandbox: 'bwrap' | 'none'
  /** After which it is ended. */
  readonly seconds: number
}

/**
 * Whether the command, given `input` as JSON, ends with exit code 0. One that is ended, by a signal or since it took too long, does not. Throws PareError where
 * it cannot be run at all.
 */
export function runCommand(input: unknown, { command, sandbox, seconds }: CommandOptions): boolean {
  const folder = makeTemporaryFolder('accepted')
  // Into a file: a process that is left behind would hold a pipe open.
  const complaints = openSync(join(folder, 'stderr'), 'w')
  try {
    const [program, parameters] = programOf(command, sandbox, folder)
    const { status, error } = spawnSync(program, parameters, {
      input: JSON.stringify(input),
      stdio: ['pipe', 'ignore', complaints],
      env: { ...process.env, TMPDIR: folder, TMP: folder, TEMP: folder },
      timeout: 1000 * seconds,
      killSignal: 'SIGKILL',
    })
    const code = error === undefined ? undefined : (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' && sandbox === 'bwrap') throw noSandbox('bwrap is not installed')
    // The command may end before it has read everything.
    if (code !== undefined && code !== 'ETIMEDOUT' && code !== 'EPIPE') throw error
    const complaint = readFileSync(join(folder, 'stderr'), 'utf8').trim().split('\n').at(-1)!.slice(0, 200)
    if (sandbox === 'bwrap' && status !== 0 && complaint.startsWith('bwrap:')) throw noSandbox(complaint)
    if (status === 126 || status === 127)
      throw new PareError(`metric 'accepted': '${command}' cannot be run: ${complaint}.`, {
        hint: 'check the command; it is run in the folder that pare is run in.',
      })
    return status === 0
  } finally {
    closeSync(complaints)
    rmSync(folder, { recursive: true, force: true })
  }
}

function programOf(command: string, sandbox: CommandOptions['sandbox'], folder: string): [string, readonly string[]] {
  const shell =
    process.platform === 'win32' ? (['cmd.exe', ['/d', '/s', '/c', command]] as const) : (['/bin/sh', ['-c', command]] as const)
  if (sandbox === 'none') return [shell[0], shell[1]]
  // Sockets of other programs lie in /run and /tmp: a file system that cannot be written to does not close them.
  const hidden = ['/run', '/tmp', '/var/tmp'].filter(existsSync).flatMap((path) => ['--tmpfs', path])
  const here = ['--ro-bind', process.cwd(), process.cwd(), '--bind', folder, folder, '--chdir', process.cwd()]
  const files = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', ...hidden, ...here]
  return ['bwrap', ['--unshare-all', '--die-with-parent', '--new-session', ...files, '--', shell[0], ...shell[1]]]
}

function noSandbox(why: string): PareError {
  return new PareError(`metric 'accepted': what a model wrote is run in a sandbox, and there is none: ${why}.`, {
    hint: 'install bubblewrap (Debian: apt install bubblewrap), or add sandbox=none where the machine itself is one, such as a container that is thrown away.',
  })
}
