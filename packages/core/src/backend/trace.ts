import type { Criterion, Expression, Ops, Statistic, TracedValue } from '../contract/contract.js'

/** The saliency of a criterion as an expression over weight, statistics and constants. */
export function trace(criterion: Criterion): Expression {
  const stats = Object.fromEntries(Object.keys(criterion.needs).map((key) => [key, value({ op: 'statistic', key })]))
  return criterion.saliency({ weight: value({ op: 'weight' }), stats }, ops).expression
}

/** What a statistic makes of each element, as an expression in which 'weight' stands for the element. */
export function traceStatistic({ of }: Statistic): Expression {
  const element = value({ op: 'weight' })
  return (of === undefined ? element : of(element, ops)).expression
}

const value = (expression: Expression): TracedValue => ({ expression })
const unary = (op: Extract<Expression, { of: Expression }>['op']) => (of: TracedValue) => value({ op, of: of.expression })
const binary = (op: Extract<Expression, { left: Expression }>['op']) => (left: TracedValue, right: TracedValue) =>
  value({ op, left: left.expression, right: right.expression })

const ops: Ops = {
  constant: (number) => value({ op: 'constant', value: number }),
  random: () => value({ op: 'random' }),
  abs: unary('abs'),
  square: unary('square'),
  sqrt: unary('sqrt'),
  exp: unary('exp'),
  log: unary('log'),
  tanh: unary('tanh'),
  sigmoid: (x) => ops.divide(ops.constant(1), ops.add(ops.constant(1), ops.exp(ops.negate(x)))),
  power: (base, exponent) => ops.exp(ops.multiply(exponent, ops.log(base))),
  negate: unary('negate'),
  add: binary('add'),
  subtract: binary('subtract'),
  multiply: binary('multiply'),
  divide: binary('divide'),
  min: binary('min'),
  max: binary('max'),
  less: binary('less'),
}
