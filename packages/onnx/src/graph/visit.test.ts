import { expect, test } from 'vitest'
import { PareError } from '../error.js'
import type { Model } from '../model.js'
import { parseText } from '../text/text.js'
import { visitNodes } from './visit.js'
import { withTensors } from './with-tensors.js'

/** For each node: its id, and what its inputs stand for: a constant's id, `(operator)`, or nothing. */
function seen(model: Model): [string, string[]][] {
  const visits: [string, string[]][] = []
  visitNodes(model, (node, scope, id) => {
    const inputs = node.inputs.map(
      (name) => scope.constant(name)?.id ?? (scope.producer(name) ? `(${scope.producer(name)!.op})` : ''),
    )
    visits.push([id, inputs])
  })
  return visits
}

test('initializers and Constant nodes are constants, also through Identity nodes', () => {
  const model = parseText(
    `m (float[2] x) => (float[2] y) <float[2] w = {1, 2}>
     { k = Constant<value = float[2] {3, 4}>()
       a = Identity(w)
       b = Identity(a)
       c = Identity(k)
       h = Mul(x, b)
       y = Add(h, c) }`,
  )
  expect(seen(model).slice(4)).toEqual([
    ['h', ['', 'w']],
    ['y', ['(Mul)', 'k']],
  ])
})

test('nested graphs see the names around them and hide their own', () => {
  const model = parseText(
    `m (bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}>
     { y = If(c) <then_branch = t () => (float[2] a) <float[2] v = {5, 6}> { h = Mul(w, v)
                                                                              a = Add(h, x) },
                  else_branch = e () => (float[2] b) { k = Constant<value = float[2] {3, 4}>()
                                                       b = Mul(w, k) }> }`,
  )
  expect(seen(model)).toEqual([
    ['y', ['']],
    ['y.then_branch/h', ['w', 'y.then_branch/v']],
    ['y.then_branch/a', ['(Mul)', '']],
    ['y.else_branch/k', []],
    ['y.else_branch/b', ['w', 'y.else_branch/k']],
  ])
})

test('a function sees the constants it is called with, at each call', () => {
  const model = parseText(
    `<opset_import: ["" : 17, "local" : 1]> m (float[2] x) => (float[2] y) <float[2] w = {1, 2}, float[2] v = {1, 2}>
     { h = local.scale(x, w)
       y = local.scale(h, v) }
     <domain: "local", opset_import: ["" : 17]> scale (p, q) => (r) { k = Constant<value = float[2] {3, 4}>()
                                                                      s = Mul(p, q)
                                                                      r = Add(s, k) }`,
  )
  const products = seen(model).filter(([id]) => id === 'local.scale/s')
  expect(products.map(([, inputs]) => inputs)).toEqual([
    ['', 'w'],
    ['', 'v'],
  ])
  expect(seen(model).find(([id]) => id === 'local.scale/r')![1]).toEqual(['(Mul)', 'local.scale/k'])
})

test('withTensors gives each tensor once, under the id that scopes give', () => {
  const model = parseText(
    `<opset_import: ["" : 17, "local" : 1]> m (bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}>
     { k = Constant<value = float[2] {3, 4}>()
       z = ConstantOfShape<value = float[1] {1}>(k)
       y = If(c) <then_branch = t () => (float[2] a) <float[2] v = {5, 6}> { a = local.f(v) }, else_branch = e () => (float[2] b) { b = Neg(w) }> }
     <domain: "local", opset_import: ["" : 17]> f (p) => (r) { j = Constant<value = float[2] {3, 4}>()
                                                               r = Add(p, j) }`,
  )
  const ids: string[] = []
  withTensors(model, (tensor, id) => {
    ids.push(id)
    return tensor
  })
  expect(ids).toEqual(['k', 'z.value', 'y.then_branch/v', 'w', 'local.f/j'])
})

test('a function that calls itself is refused', () => {
  const model = parseText(
    `<opset_import: ["local" : 1]> m (float x) => (float y) { y = local.f(x) }
     <domain: "local", opset_import: ["local" : 1]> f (p) => (q) { q = local.g(p) }
     <domain: "local", opset_import: ["local" : 1]> g (p) => (q) { q = local.f(p) }`,
  )
  expect(() => visitNodes(model, () => undefined)).toThrow(PareError)
  expect(() => visitNodes(model, () => undefined)).toThrow('local.f → local.g → local.f')
})
