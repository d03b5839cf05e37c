import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { downloadTool } from '@actions/tool-cache'
import type { FetchTarball } from '@pare/onnxruntime'
import { ActionFailure, messageOf } from '../failure.js'

/** The public registry. Another one is named by npm's own variable, `npm_config_registry`; the integrity check is the same. */
const PUBLIC_REGISTRY = 'https://registry.npmjs.org'

type Env = Readonly<Record<string, string | undefined>>

/** Fetches tarballs over the runner's network: a runner need not have npm. Throws an infrastructure Failure. */
export function downloadFrom({ env, signal }: { readonly env: Env; readonly signal: AbortSignal }): FetchTarball {
  return async ({ name, version }, folder) => {
    const url = `${registryOf(env)}/${name}/-/${name}-${version}.tgz`
    const file = join(folder, `${randomUUID()}.tgz`)
    try {
      await unlessAborted(downloadTool(url, file), signal)
      return file
    } catch (error) {
      signal.throwIfAborted()
      throw new ActionFailure('infrastructure', `action: ${url} could not be downloaded: ${messageOf(error)}`, {
        hint: "check the runner's network and proxy, set npm_config_registry to a mirror, or give the input 'onnxruntime-path' a folder with onnxruntime-node",
        cause: error,
      })
    }
  }
}

function registryOf(env: Env): string {
  return (env.npm_config_registry || env.NPM_CONFIG_REGISTRY || PUBLIC_REGISTRY).replace(/\/+$/, '')
}

/** Rejects with the signal's reason as soon as it is aborted; what `work` still does is left to the end of the process. */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
