import { availableParallelism } from 'node:os'
import { usage } from '../terminal/failure.js'
import { count, number } from './options.js'

/** '1,all' → [1, cores]. */
export function threads(text: string): number[] {
  const one = number('--threads', { ...count, expected: 'whole numbers from 1 on, or all, such as 1,all' })
  return list(text).map((part) => (part === 'all' ? availableParallelism() : one(part)))
}

/** '1,8' → [1, 8]. */
export function batches(text: string): number[] {
  return list(text).map(number('--batch', { ...count, expected: 'whole numbers from 1 on, such as 1,8' }))
}

/** 'height=32,width=32' → { height: 32, width: 32 }; what was given before stays. */
export function dims(text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
  const given = list(text).map((part) => {
    const [, name = '', size = ''] = /^(.+)=(\d+)$/.exec(part) ?? []
    if (name !== '') return [name.trim(), Number(size)] as const
    throw usage(`pare: --dims is '${text}'; expected sizes by name.`, 'write --dims sequence=32, or --dims height=32,width=32')
  })
  return { ...before, ...Object.fromEntries(given) }
}

/** With fewer runs nothing can be said with 95 % confidence. */
export const runs = {
  holds: (value: number) => Number.isSafeInteger(value) && value >= 6,
  expected: 'a whole number from 6 on, such as 50',
}

function list(text: string): string[] {
  return text.split(',').map((part) => part.trim())
}
