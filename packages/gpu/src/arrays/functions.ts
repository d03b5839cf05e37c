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
  sineOf: 'fn sineOf(x: f32) -> f32 { return turned(x, 0); }',
  cosineOf: 'fn cosineOf(x: f32) -> f32 { return turned(x, 1); }',
  // Less a multiple of π/2 in three parts, of which products are exact for |x| up to 8,192, and polynomials (Moshier, Cephes, sinf and cosf). WGSL's own may be 2⁻¹¹ off,
  // and further beyond π, where rotary embeddings are.
  turned: `fn turned(x: f32, quarters: i32) -> f32 {
  let k = round(x * 0.6366197723675814f);
  let r = ((x - k * 1.5703125f) - k * 4.837512969970703e-4f) - k * 7.549789948768648e-8f;
  let s = r * r;
  let sine = r + r * s * ((-1.9515295891e-4f * s + 8.3321608736e-3f) * s - 1.6666654611e-1f);
  let cosine = 1.0 - 0.5 * s + s * s * ((2.443315711809948e-5f * s - 1.388731625493765e-3f) * s + 4.166664568298827e-2f);
  let quarter = (i32(k) + quarters) & 3;
  let value = select(sine, cosine, (quarter & 1) == 1);
  return select(value, -value, quarter > 1);
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
