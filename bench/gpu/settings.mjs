// What is asked of bench/gpu.mjs, and how its numbers are written.
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4096' },
    weights: { type: 'string', default: '110e6' },
    repeats: { type: 'string', default: '5' },
    skip: { type: 'string', multiple: true, default: [] },
  },
})
export const [SIZE, WEIGHTS, REPEATS] = [values.size, values.weights, values.repeats].map(Number)
export const ROWS = [1, 128, 1024]

/** Parts that are left out. */
export const { skip: SKIP } = values

export function round(value) {
  return value === undefined || Number.isNaN(value) ? null : Number(value.toPrecision(4))
}
