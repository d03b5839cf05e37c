import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What a program that ran to its end printed. */
export interface ToolRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The file a package leads to from a folder, or undefined where it is not installed there. */
export function resolveFrom(folder: string, specifier: string): string | undefined {
  try {
    return createRequire(join(folder, 'package.json')).resolve(specifier)
  } catch {
    return undefined
  }
}

/** The script of a tool that is installed in a folder: `file` of the package. */
export function toolOf(folder: string, { name, file }: { readonly name: string; readonly file: string }): string | undefined {
  const manifest = resolveFrom(folder, `${name}/package.json`)
  return manifest === undefined ? undefined : join(dirname(manifest), file)
}

/** Runs a script with this Node. An exit code other than 0 is no failure; an abort is. */
export function runTool(
  script: string,
  args: readonly string[],
  { cwd, signal }: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<ToolRun> {
  // A test runner around this process is not the tool's.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_OPTIONS|NODE_ENV|TEST$)/.test(name)),
  )
  return new Promise((resolve, reject) => {
    const options = { cwd, signal, env: { ...env, NO_COLOR: '1' }, maxBuffer: 2 ** 26 }
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      if (error?.name === 'AbortError') reject(error)
      else resolve({ exitCode: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, stdout, stderr })
    })
  })
}
