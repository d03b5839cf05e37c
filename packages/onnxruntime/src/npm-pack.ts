import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { present } from '@pare/onnx'
import { OnnxRuntimeError } from './error.js'
import type { PinnedPackage } from './pinned.js'

/**
 * Puts the tarball of a package into an empty folder with `npm pack`, and returns the file's path: npm knows the user's registry, proxy, certificates and
 * credentials. No script of the package runs. Throws OnnxRuntimeError; the signal's reason when aborted.
 */
export async function npmPack({ name, version }: PinnedPackage, folder: string, signal?: AbortSignal): Promise<string> {
  // The version is fixed and its hash is known: what npm has in its cache is as good as what the registry has.
  const args = [
    'pack',
    `${name}@${version}`,
    '--prefer-offline',
    '--pack-destination',
    '.',
    '--ignore-scripts',
    '--loglevel=error',
  ]
  try {
    // On Windows npm is a script, which needs a shell; no argument holds foreign text.
    await promisify(execFile)('npm', args, { cwd: folder, shell: process.platform === 'win32', ...present({ signal }) })
  } catch (cause) {
    signal?.throwIfAborted()
    throw notFetched(`${name}@${version}`, cause as Error & { stderr?: string; code?: unknown })
  }
  const [file] = readdirSync(folder).filter((entry) => entry.endsWith('.tgz'))
  if (file !== undefined) return join(folder, file)
  throw notFetched(`${name}@${version}`, new Error('npm pack wrote no file'))
}

function notFetched(what: string, cause: Error & { stderr?: string; code?: unknown }): OnnxRuntimeError {
  const why = cause.code === 'ENOENT' ? 'npm is not on the PATH' : (reasonOf(cause.stderr) ?? cause.message.trim())
  return new OnnxRuntimeError(`ONNX Runtime is needed to run models, and npm could not fetch ${what}: ${why}`, {
    hint: `check that 'npm view ${what}' works here (registry, proxy), or install it in the project with ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node.`,
    cause,
  })
}

/** What npm says is wrong, without its prefix and the lines about its log file. */
function reasonOf(stderr = ''): string | undefined {
  const lines = stderr.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim())
  const telling = lines.filter((line) => line !== '' && !/^(A complete log|code )/.test(line))
  return telling.length === 0 ? undefined : telling.slice(0, 2).join(' ')
}
