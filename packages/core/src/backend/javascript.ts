import type { Expression } from '../contract/contract.js'
import { putTogether } from '../select/unit-layout.js'
import type { Arithmetic, Leaf } from './arithmetic.js'
import type { Backend, Bits, Candidates, Chunk, Floats, Kernel, Precision, SaliencyTally } from './backend.js'
import { evaluate } from './evaluate.js'
import { BUCKETS, exponentOf } from './keys.js'
import { mix } from './random.js'

/** Fuses the expression into every loop, in JavaScript: each weight is read once, nothing is allocated, no saliency is stored in between. */
export const javascript: Backend = {
  name: 'javascript',
  compile(expression, precision): Kernel {
    const loops = build(expression, precision)
    const counts = new Uint32Array(BUCKETS)
    return {
      clear: () => void counts.fill(0),
      counts: () => counts,
      saliency: loops.saliency,
      histogram: (chunk) => loops.histogram(chunk, counts),
      collect: (chunk, { low, high }, into) => loops.collect(chunk, low, high, into),
      mask(chunk, below, ties, target) {
        const wide = target.length > chunk.weights.length
        loops[wide ? (ties ? 'maskTiesWide' : 'maskWide') : ties ? 'maskTies' : 'mask'](chunk, below, target)
      },
      addScores(chunk, layout, scores) {
        const values = precision === 'f32' ? new Float32Array(chunk.weights.length) : new Float64Array(chunk.weights.length)
        loops.saliency(chunk, values)
        putTogether(values, chunk.start, layout, scores)
      },
    }
  },
}

interface Loops {
  saliency(chunk: Chunk, target: Floats): void
  histogram(chunk: Chunk, counts: Uint32Array): void
  collect(chunk: Chunk, low: number, high: number, into: Candidates): SaliencyTally
  mask: MaskLoop
  maskTies: MaskLoop
  /** Two words of target for each weight. */
  maskWide: MaskLoop
  maskTiesWide: MaskLoop
}

type MaskLoop = (chunk: Chunk, below: number, target: Bits) => void

/**
 * The loops as text. It is put together from the closed set of operators and numbers: of a user's nothing gets into it but strings.
 * Conditions are turned into integers by arithmetic, since a branch on random data costs more than the whole rest of a loop.
 */
function build(expression: Expression, precision: Precision): Loops {
  const keys = [...new Set(statisticsOf(expression))]
  // A key is a plugin's: as a string literal it is nothing but a string.
  const stats = keys.map((key, i) => `const stat${i} = stats[${JSON.stringify(key)}];`).join(' ')
  const lines: string[] = []
  const value = evaluate(expression, textArithmetic(precision, lines), (leaf) => leafText(leaf, keys))
  const saliency = `(w === 0 ? -Infinity : ${value} + (w - w))`
  const each = `for (let i = 0, n = weights.length; i < n; i++)`
  const loop = (body: string) => `${stats} ${each} { const w = weights[i]; ${lines.join(' ')} ${body} }`
  const open = 'weights, start, stream: { key0, key1 }, stats'
  const mask = (keep: string, zero: string) =>
    `({ ${open} }, below, target) { ${loop(`const keep = -(${saliency} ${keep} below); ${zero}`)} }`
  const narrow = 'target[i] &= keep'
  const wide = 'target[2 * i] &= keep; target[2 * i + 1] &= keep'
  return new Function(
    'mix',
    'exponentOf',
    `'use strict'
     const { abs, sqrt, min, max, fround } = Math
     const square = (x) => x * x
     const scratch = new Float${precision.slice(1)}Array(1), words = new Int32Array(scratch.buffer), last = words.length - 1
     return {
       saliency({ ${open} }, target) { ${loop(`target[i] = ${saliency}`)} },
       histogram({ ${open} }, counts) { ${loop(`scratch[0] = ${saliency}; const b = words[last]; counts[(b ^ (b >> 31 | 0x80000000)) >>> 16]++`)} },
       mask${mask('>=', narrow)},
       maskTies${mask('>', narrow)},
       maskWide${mask('>=', wide)},
       maskTiesWide${mask('>', wide)},
       collect({ ${open} }, low, high, into) {
         const { saliency, index } = into
         let below = 0, zeros = 0, others = 0, length = into.length
         ${loop(`const s = ${saliency}
           below += -(s < low) & 1
           zeros += -(s === -Infinity) & 1
           others += -!(s < Infinity) & 1
           if (-(s >= low) & -(s <= high)) { saliency[length] = s; index[length++] = start + i }`)}
         into.length = length
         return { below, zeros, finite: others === 0 }
       },
     }`,
  )(mix, exponentOf) as Loops
}

/** Arithmetic as text. What is shared becomes a line of its own in `lines`. */
function textArithmetic(precision: Precision, lines: string[]): Arithmetic<string> {
  const round = (text: string) => (precision === 'f32' ? `fround(${text})` : `(${text})`)
  return {
    precision,
    constant: (value) => round(Object.is(value, -0) ? '-0' : String(Number(value))),
    abs: (x) => `abs(${x})`,
    negate: (x) => `(-${x})`,
    square: (x) => round(`square(${x})`),
    sqrt: (x) => round(`sqrt(${x})`),
    add: (a, b) => round(`${a} + ${b}`),
    subtract: (a, b) => round(`${a} - ${b}`),
    multiply: (a, b) => round(`${a} * ${b}`),
    divide: (a, b) => round(`${a} / ${b}`),
    min: (a, b) => `min(${a}, ${b})`,
    max: (a, b) => `max(${a}, ${b})`,
    less: (a, b) => `+(${a} < ${b})`,
    powerOfTwo: (n) => `2 ** ${n}`,
    exponentOf: (x) => `exponentOf(${x})`,
    share(text) {
      const name = `t${lines.length}`
      lines.push(`const ${name} = ${text};`)
      return name
    },
  }
}

function leafText(leaf: Leaf, keys: readonly string[]): string {
  if (leaf.op === 'weight') return 'w'
  if (leaf.op === 'statistic') return `stat${keys.indexOf(leaf.key)}[i]`
  return `((mix(mix((start + i >>> 0) ^ key0) ^ mix(((start + i) / 4294967296 >>> 0) + key1)) >>> 8) * ${2 ** -24})`
}

/** Keys of the statistics in an expression. */
export function statisticsOf(e: Expression): string[] {
  if (e.op === 'statistic') return [e.key]
  if ('left' in e) return [...statisticsOf(e.left), ...statisticsOf(e.right)]
  return 'of' in e ? statisticsOf(e.of) : []
}
