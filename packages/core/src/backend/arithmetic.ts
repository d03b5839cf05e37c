import type { Binary, Expression, Unary } from '../contract/contract.js'
import type { Precision } from './backend.js'

/** Operations that every backend has, each rounded once. V is a number, or code that leaves one. */
export interface Arithmetic<V>
  extends Readonly<Record<Exclude<Unary, Elementary>, (value: V) => V>>,
    Readonly<Record<Binary, (left: V, right: V) => V>> {
  readonly precision: Precision
  constant(value: number): V
  /** 2ⁿ of a whole number n whose power is a normal number. */
  powerOfTwo(n: V): V
  /** e of a normal number m · 2ᵉ with 1 ≤ m < 2. Of others any number. */
  exponentOf(value: V): V
  /** The same value, worked out once however often it is read. */
  share(value: V): V
}

/** Functions that are made of the other operations. */
export type Elementary = 'exp' | 'log' | 'tanh'

/** What an expression begins with. */
export type Leaf = Extract<Expression, { readonly op: 'weight' | 'statistic' | 'random' }>
