import { ERF, type Rational, TANH } from '@pare/sparse/functions'

// Functions that WGSL has not, or allows too large an error for.

/** WGSL of a rational approximation x · P(x²) ÷ Q(x²). */
function rational(name: string, { limit, one, above, below }: Rational): string {
  const horner = ([first, ...rest]: readonly number[]) => rest.reduce((sum, c) => `(${sum} * s + ${literal(c)})`, literal(first!))
  return `fn ${name}(raw: f32) -> f32 {
  if (abs(raw) >= ${literal(one)}) { return sign(raw); }
  let x = clamp(raw, ${literal(-limit)}, ${literal(limit)});
  let s = x * x;
  return x * ${horner(above)} / ${horner(below)};
}`
}

const literal = (value: number) => `${value.toExponential()}f`

const FUNCTIONS = {
  sigmoidOf: 'fn sigmoidOf(x: f32) -> f32 { return 0.5 + 0.5 * tanhOf(0.5 * x); }',
  gelu: 'fn gelu(x: f32) -> f32 { return 0.5 * x * (1.0 + erfOf(0.70710678118654757 * x)); }',
  geluTanh: 'fn geluTanh(x: f32) -> f32 { return 0.5 * x * (1.0 + tanhOf(0.79788456080286541 * x * (1.0 + 0.044715 * x * x))); }',
  power: `fn power(x: f32, y: f32) -> f32 {
  if (y == 2.0) { return x * x; }
  if (y == 0.5) { return sqrt(x); }
  let size = pow(abs(x), y);
  return select(size, -size, x < 0.0 && y - 2.0 * floor(y / 2.0) == 1.0);
}`,
  tanhOf: rational('tanhOf', TANH),
  erfOf: rational('erfOf', ERF),
} as const

/** WGSL of those functions that a text calls, directly or by way of each other. */
export function functionsFor(text: string): string {
  let used = text
  for (const [name, code] of Object.entries(FUNCTIONS)) if (used.includes(`${name}(`)) used += `\n${code}`
  return used.slice(text.length)
}
