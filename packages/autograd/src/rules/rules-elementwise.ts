import { each, type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite, Gradients } from '../site/site.js'

/** x̄ = ȳ · f′, with f′ written from x and y. */
function unary(derivative: (site: GradientSite, x: string, y: string) => string): GradientRule {
  return (site) => [site.mul(site.gradient, derivative(site, site.input(0), site.output(0)))]
}

/** Gradients of two inputs in the shape of the output, summed to where they were broadcast from. */
function binary(
  rule: (site: GradientSite, gradient: string, a: string, b: string) => readonly [() => string, () => string],
): GradientRule {
  return (site) => {
    const [a, b] = [site.input(0), site.input(1)]
    const parts = rule(site, site.gradient, a, b)
    return [a, b].map((input, i) => (site.wants(i) ? site.reduceTo(parts[i]!(), site.output(0), input) : undefined))
  }
}

/** The same gradient for every input. */
function shared(of: (site: GradientSite) => string): GradientRule {
  return (site) => {
    const gradient = of(site)
    return site.node.inputs.map((input, i) => (site.wants(i) ? site.reduceTo(gradient, site.output(0), input) : undefined))
  }
}

const one = (site: GradientSite) => site.emit.float(1)
const squared = (site: GradientSite, x: string) => site.mul(x, x)
const oneMinus = (site: GradientSite, x: string) => site.sub(one(site), x)
const onePlus = (site: GradientSite, x: string) => site.emit.node('Add', [x, one(site)])

/** σ(x) (1 + x (1 − σ(x))): the derivative of x σ(x). */
function siluSlope(site: GradientSite, x: string): string {
  const s = site.emit.node('Sigmoid', [x])
  return site.mul(s, onePlus(site, site.mul(x, oneMinus(site, s))))
}

/** Φ(x) + x φ(x): the derivative of x Φ(x). */
export function geluSlope(site: GradientSite, x: string): string {
  const phi = site.mul(onePlus(site, site.emit.node('Erf', [site.mul(x, Math.SQRT1_2)])), 0.5)
  const density = site.mul(site.emit.node('Exp', [site.mul(squared(site, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI))
  return site.add(phi, site.mul(x, density))
}

/** y = ½ x (1 + tanh u), u = √(2/π) (x + 0.044715 x³)  ⇒  y′ = ½ (1 + tanh u) + ½ x (1 − tanh² u) u′. */
export function tanhGeluSlope(site: GradientSite, x: string): string {
  const [c, k] = [Math.sqrt(2 / Math.PI), 0.044715]
  const x2 = squared(site, x)
  const t = site.emit.node('Tanh', [site.mul(site.mul(x, onePlus(site, site.mul(x2, k))), c)])
  const inner = site.mul(onePlus(site, site.mul(x2, 3 * k)), c)
  const half = site.mul(onePlus(site, t), 0.5)
  return site.add(half, site.mul(site.mul(site.mul(x, 0.5), oneMinus(site, squared(site, t))), inner))
}

/** y = x^e  ⇒  x̄ = ȳ e x^(e−1),  ē = ȳ x^e ln x. Constant exponents of 2 and ½ need no power. */
const pow: GradientRule = (site) => {
  const [x, e, y] = [site.input(0), site.input(1), site.output(0)]
  const constant = site.constant(e)
  const gradients: (string | undefined)[] = []
  if (site.wants(0)) {
    const exponent = constant?.length === 1 ? constant[0]! : undefined
    const slope =
      exponent === 2
        ? site.mul(x, 2)
        : exponent === 0.5
          ? site.div(site.emit.float(0.5), y)
          : exponent === 1
            ? one(site)
            : site.mul(site.emit.node('Pow', [x, site.sub(e, one(site))]), e)
    gradients[0] = site.reduceTo(site.mul(site.gradient, slope), y, x)
  }
  if (site.wants(1)) gradients[1] = site.reduceTo(site.mul(site.gradient, site.mul(y, site.emit.node('Log', [x]))), y, e)
  return gradients
}

/** The gradient goes to the input that is the extreme; to each in equal parts where several are. */
const extreme: GradientRule = (site) => {
  const y = site.output(0)
  const isIt = site.node.inputs.map((input) => site.emit.node('Cast', [site.emit.node('Equal', [input, y])], { to: 1n }))
  const count = isIt.length === 1 ? isIt[0]! : site.emit.node('Sum', isIt)
  const part = site.div(site.gradient, count)
  return site.node.inputs.map((input, i) => (site.wants(i) ? site.reduceTo(site.mul(part, isIt[i]!), y, input) : undefined))
}

/**
 * 1 where a · x + b > 0 for x in f32, else 0; where it is 0 itself, 0. A hard sigmoid that is as steep as that is one pass of vector operations, three
 * times as fast as a comparison and a choice.
 */
function step(site: GradientSite, x: string, sign: 1 | -1, at: number): string {
  return site.emit.node('HardSigmoid', [x], { alpha: sign * STEEP, beta: -sign * at * STEEP })
}

/** The least distance of two numbers next to each other that are not tiny, 1e−30, times this is 1. */
const STEEP = 1e30

/** Strictly within the limits ȳ, outside 0. */
const clip: GradientRule = (site) => {
  const y = site.output(0)
  const sides = ([1, 2] as const).flatMap((i) => (site.has(i) ? [{ i, sign: i === 1 ? 1 : -1 } as const] : []))
  const limits = sides.map(({ i }) => site.constant(site.input(i)))
  if (limits.every((limit) => limit?.length === 1 && Math.abs(limit[0]!) < 1e6)) {
    return [sides.reduce((g, { sign }, k) => site.mul(g, step(site, y, sign, limits[k]![0]!)), site.gradient)]
  }
  const conditions = sides.map(({ i, sign }) => site.emit.node(sign === 1 ? 'Greater' : 'Less', [y, site.input(i)]))
  if (conditions.length === 0) return [site.gradient]
  return [site.keep(conditions.length === 1 ? conditions[0]! : site.emit.node('And', conditions), site.gradient)]
}

/** y = x where x > 0, else α x: ᾱ = Σ ȳ x over what is not positive. */
const prelu: GradientRule = (site) => {
  const [x, slope] = [site.input(0), site.input(1)]
  const positive = site.emit.node('Greater', [x, site.emit.float(0)])
  const g = site.gradient
  return [
    site.wants(0) ? site.emit.node('Where', [positive, g, site.mul(g, slope)]) : undefined,
    site.wants(1)
      ? site.reduceTo(site.emit.node('Where', [positive, site.emit.float(0), site.mul(g, x)]), site.output(0), slope)
      : undefined,
  ]
}

/** y = c ? a : b  ⇒  ā = ȳ where c, b̄ = ȳ where not c. */
const where: GradientRule = (site): Gradients => {
  const [c, a, b] = [site.input(0), site.input(1), site.input(2)]
  const zero = site.emit.float(0)
  const to = (branches: readonly [string, string], input: string) =>
    site.reduceTo(site.emit.node('Where', [c, ...branches]), site.output(0), input)
  return [
    undefined,
    site.wants(1) ? to([site.gradient, zero], a) : undefined,
    site.wants(2) ? to([zero, site.gradient], b) : undefined,
  ]
}

/** Piecewise: where x > 0 ȳ · right, else ȳ · left. */
function pieces(
  left: (site: GradientSite, x: string, y: string) => string,
  right: (site: GradientSite) => string = one,
): GradientRule {
  return unary((site, x, y) =>
    site.emit.node('Where', [site.emit.node('Greater', [x, site.emit.float(0)]), right(site), left(site, x, y)]),
  )
}

const alphaOf = (site: GradientSite, otherwise: number) => site.float('alpha', otherwise)

export const elementwise: GradientRules = {
  Identity: (site) => [site.gradient],
  Dropout: only([0], (site) => [site.gradient]),
  // Gradients are f32, as what is differentiated by.
  Cast: (site) => {
    if (![1, 10, 11, 16].includes(site.int('to', 1))) throw new Error('a cast to integers is flat')
    return [site.gradient]
  },
  CastLike: only([0], (site) => [site.gradient]),
  Add: binary((_, g) => [() => g, () => g]),
  Sub: binary((site, g) => [() => g, () => site.neg(g)]),
  // y = a b  ⇒  ā = ȳ b, b̄ = ȳ a
  Mul: binary((site, g, a, b) => [() => site.mul(g, b), () => site.mul(g, a)]),
  // y = a / b  ⇒  ā = ȳ / b, b̄ = −ȳ y / b
  Div: binary((site, g, _a, b) => [() => site.div(g, b), () => site.neg(site.div(site.mul(g, site.output(0)), b))]),
  Pow: pow,
  // y = a − b ⌊a / b⌋  ⇒  ā = ȳ, b̄ = −ȳ ⌊a / b⌋
  Mod: binary((site, g, a, b) => [() => g, () => site.neg(site.mul(g, site.div(site.sub(a, site.output(0)), b)))]),
  Sum: shared((site) => site.gradient),
  Mean: shared((site) => site.mul(site.gradient, 1 / site.node.inputs.length)),
  Min: extreme,
  Max: extreme,
  Where: only([1, 2], where),

  Neg: (site) => [site.neg(site.gradient)],
  Abs: unary((site, x) => site.emit.node('Sign', [x])),
  Sqrt: (site) => [site.div(site.mul(site.gradient, 0.5), site.output(0))],
  Exp: unary((_, _x, y) => y),
  Log: (site) => [site.div(site.gradient, site.input(0))],
  // y = 1/x  ⇒  y′ = −y²
  Reciprocal: unary((site, _, y) => site.neg(squared(site, y))),
  Erf: unary((site, x) => site.mul(site.emit.node('Exp', [site.neg(squared(site, x))]), 2 / Math.sqrt(Math.PI))),
  Sin: unary((site, x) => site.emit.node('Cos', [x])),
  Cos: unary((site, x) => site.neg(site.emit.node('Sin', [x]))),
  Tan: unary((site, _, y) => onePlus(site, squared(site, y))),
  Sinh: unary((site, x) => site.emit.node('Cosh', [x])),
  Cosh: unary((site, x) => site.emit.node('Sinh', [x])),
  Tanh: unary((site, _, y) => oneMinus(site, squared(site, y))),
  Asin: unary((site, x) => site.emit.node('Reciprocal', [site.emit.node('Sqrt', [oneMinus(site, squared(site, x))])])),
  Acos: unary((site, x) => site.neg(site.emit.node('Reciprocal', [site.emit.node('Sqrt', [oneMinus(site, squared(site, x))])]))),
  Atan: unary((site, x) => site.emit.node('Reciprocal', [onePlus(site, squared(site, x))])),
  Asinh: unary((site, x) => site.emit.node('Reciprocal', [site.emit.node('Sqrt', [onePlus(site, squared(site, x))])])),
  Acosh: unary((site, x) => site.emit.node('Reciprocal', [site.emit.node('Sqrt', [site.sub(squared(site, x), one(site))])])),
  Atanh: unary((site, x) => site.emit.node('Reciprocal', [oneMinus(site, squared(site, x))])),

  Relu: (site) => [site.mul(site.gradient, step(site, site.output(0), 1, 0))],
  LeakyRelu: pieces((site) => site.emit.float(alphaOf(site, 0.01))),
  ThresholdedRelu: (site) => [
    site.keep(site.emit.node('Greater', [site.input(0), site.emit.float(alphaOf(site, 1))]), site.gradient),
  ],
  // x + β below −λ, x − β above λ, 0 between
  Shrink: (site) => [
    site.keep(
      site.emit.node('Greater', [site.emit.node('Abs', [site.input(0)]), site.emit.float(site.float('lambd', 0.5))]),
      site.gradient,
    ),
  ],
  PRelu: prelu,
  // α (eˣ − 1) has the slope y + α
  Elu: pieces((site, _, y) => site.add(y, site.emit.float(alphaOf(site, 1)))),
  // γ α (eˣ − 1) has the slope y + γ α
  Selu: pieces(
    (site, _, y) => site.add(y, site.emit.float(site.float('gamma', GAMMA) * alphaOf(site, ALPHA))),
    (site) => site.emit.float(site.float('gamma', GAMMA)),
  ),
  // α (e^(x/α) − 1) has the slope e^(x/α)
  Celu: pieces((site, x) => site.emit.node('Exp', [site.mul(x, 1 / alphaOf(site, 1))])),
  Sigmoid: unary((site, _, y) => site.mul(y, oneMinus(site, y))),
  Softplus: unary((site, x) => site.emit.node('Sigmoid', [x])),
  // x / (1 + |x|) has the slope 1 / (1 + |x|)²
  Softsign: unary((site, x) => site.emit.node('Reciprocal', [squared(site, onePlus(site, site.emit.node('Abs', [x])))])),
  // min(max(α x + β, 0), 1)
  HardSigmoid: unary((site, _, y) => {
    const inside = site.emit.node('And', [
      site.emit.node('Greater', [y, site.emit.float(0)]),
      site.emit.node('Less', [y, one(site)]),
    ])
    return site.emit.node('Where', [inside, site.emit.float(alphaOf(site, 0.2)), site.emit.float(0)])
  }),
  // x min(max(x/6 + ½, 0), 1): 0 below −3, 1 above 3, x/3 + ½ between
  HardSwish: unary((site, x) => {
    const between = site.add(site.mul(x, 1 / 3), site.emit.float(0.5))
    const low = site.emit.node('Where', [site.emit.node('Greater', [x, site.emit.float(-3)]), between, site.emit.float(0)])
    return site.emit.node('Where', [site.emit.node('Less', [x, site.emit.float(3)]), low, one(site)])
  }),
  // x tanh(sp), sp = softplus(x)  ⇒  y′ = tanh sp + x σ(x) (1 − tanh² sp)
  Mish: unary((site, x) => {
    const t = site.emit.node('Tanh', [site.emit.node('Softplus', [x])])
    return site.add(t, site.mul(site.mul(x, site.emit.node('Sigmoid', [x])), oneMinus(site, squared(site, t))))
  }),
  // x σ(αx)
  Swish: unary((site, x) => siluSlope(site, site.mul(x, alphaOf(site, 1)))),
  Gelu: unary((site, x) => (site.string('approximate', 'none') === 'tanh' ? tanhGeluSlope(site, x) : geluSlope(site, x))),
  Clip: only([0], clip),
  ...each('com.microsoft.Gelu', unary(geluSlope)),
  ...each(
    'com.microsoft.QuickGelu',
    unary((site, x) => siluSlope(site, site.mul(x, alphaOf(site, 1.702)))),
  ),
}

const ALPHA = 1.6732631921768188
const GAMMA = 1.0507010221481323
