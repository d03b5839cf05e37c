import { type Arithmetic, type Expression, evaluate, statisticsOf } from '@pare/core/backends'
import { EXACT_FLOATS } from './exact-floats.js'

/** What all loops begin with: arithmetic, and what they are told of the tile. */
const TILE = `${EXACT_FLOATS}
struct Tile {
  count: u32,
  // Index in the weight of the first element, as two words.
  start: vec2u,
  keys: vec2u,
  // Of the range that is collected, and of the border that is masked below.
  low: u32,
  high: u32,
  ties: u32,
  // How elements belong to units.
  inner: u32,
  period: u32,
  phase: u32,
  skip: u32,
  parts: u32,
  // From the values of one statistic to those of the next.
  stride: u32,
}
@group(0) @binding(0) var<uniform> tile: Tile;
`

/** For loops over weights: `fn saliencyAt(i)`, the bits of the saliency of weight i of the tile. */
export function saliencyShader(expression: Expression): string {
  const { lines, value } = code(expression)
  return `${TILE}
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> statistics: array<u32>;

fn statistic(key: u32, i: u32) -> u32 { return statistics[key * tile.stride + i]; }

fn indexOf(i: u32) -> vec2u {
  let low = tile.start.x + i;
  return vec2u(low, tile.start.y + select(0u, 1u, low < i));
}

fn saliencyAt(i: u32) -> u32 {
  let weight = weights[i];
  if (size(weight) == 0u) { return SIGN | INFINITE; }
  if (size(weight) >= INFINITE) { return NAN; }
  ${lines.join('\n  ')}
  return withoutMinus(${value});
}`
}

/** For loops over saliencies that were computed before. */
export const SALIENCIES = `${TILE}
@group(0) @binding(1) var<storage, read> saliencies: array<u32>;

fn saliencyAt(i: u32) -> u32 { return saliencies[i]; }
`

/** Keys of the statistics of an expression, in the order in which a tile holds them. */
export function keysOf(expression: Expression): string[] {
  return [...new Set(statisticsOf(expression))]
}

/** The lines that compute what is shared, and the value. */
function code(expression: Expression): { lines: readonly string[]; value: string } {
  const keys = keysOf(expression)
  const lines: string[] = []
  const value = evaluate(expression, shaderArithmetic(lines), (leaf) => {
    if (leaf.op === 'weight') return 'weight'
    return leaf.op === 'random' ? 'uniformAt(indexOf(i), tile.keys)' : `statistic(${keys.indexOf(leaf.key)}u, i)`
  })
  return { lines, value }
}

function shaderArithmetic(lines: string[]): Arithmetic<string> {
  const one = (name: string) => (x: string) => `${name}(${x})`
  const two = (name: string) => (a: string, b: string) => `${name}(${a}, ${b})`
  return {
    precision: 'f32',
    constant: (value) => `${new Uint32Array(Float32Array.of(value).buffer)[0]}u`,
    abs: one('size'),
    negate: one('negate'),
    square: one('square'),
    sqrt: one('squareRoot'),
    add: two('add'),
    subtract: two('subtract'),
    multiply: two('multiply'),
    divide: two('divide'),
    min: two('least'),
    max: two('most'),
    less: two('less'),
    powerOfTwo: one('powerOfTwo'),
    exponentOf: one('exponentOf'),
    share(text) {
      const name = `t${lines.length}`
      lines.push(`let ${name} = ${text};`)
      return name
    },
  }
}
