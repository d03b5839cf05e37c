// Lets `pare` run models in this process: starting a child for each proof would take most of the time of a matrix.
import { register } from 'node:module'

const PROCESS = '/evaluate/dist/process/process.js'

/** Registers the hooks. To be called before anything of @pare/evaluate is loaded. */
export function runInProcess() {
  register(import.meta.url)
}

/** A hook of Node: whoever starts children gets the stand-in of `stand-in.mjs`, which itself gets the original. */
export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context)
  const isOwn = context.parentURL?.endsWith('/matrix/stand-in.mjs')
  if (isOwn || !resolved.url.endsWith(PROCESS)) return resolved
  return { ...resolved, url: new URL('stand-in.mjs', import.meta.url).href }
}
