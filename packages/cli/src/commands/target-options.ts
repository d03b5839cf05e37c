import type { Budget } from '@pare/core'
import type { TargetConfig } from '../settings/config.js'
import { present } from '../settings/settings.js'
import { usage } from '../terminal/failure.js'

/** The options that say how much goes. */
export interface TargetOptions {
  readonly sparsity?: number
  readonly threshold?: number
  readonly ratio?: number
  readonly target?: Budget
}

/** The target that was asked for, if any. Two at once contradict each other. */
export function targetOf({ sparsity, threshold, ratio, target }: TargetOptions): TargetConfig | undefined {
  const given = Object.entries(present({ sparsity, threshold, ratio })).map(([name, value]) => `--${name} ${value}`)
  if (target !== undefined) given.push(...Object.entries(target).map(([kind, value]) => `--target ${kind}=${value}`))
  if (given.length > 1) throw usage(`pare: ${given.join(' and ')} contradict each other.`, 'give one of them')
  if (sparsity !== undefined) return { sparsity }
  if (threshold !== undefined) return { threshold }
  return ratio === undefined ? target : { ratio }
}

/** 'macs=0.5' → { macs: 0.5 }: the fraction that may remain. */
export function budget(text: string): Budget {
  const [, kind, amount = ''] = /^\s*(parameters|macs|bytes|latency)\s*=(.*)$/s.exec(text) ?? []
  const value = amount.trim() === '' ? Number.NaN : Number(amount)
  if (value > 0 && value <= 1) {
    if (kind === 'macs') return { macs: value }
    if (kind === 'latency') return { latency: value }
    return kind === 'bytes' ? { bytes: value } : { parameters: value }
  }
  const other = /^\s*(sparsity|threshold|ratio)\s*=(.*)$/s.exec(text)
  throw usage(
    `pare: --target is '${text}'; expected macs=, parameters=, bytes= or latency= with the fraction that may remain, above 0 and up to 1.`,
    other === null ? 'half of the multiply-accumulates: --target macs=0.5' : `say --${other[1]} ${other[2]}`,
  )
}
