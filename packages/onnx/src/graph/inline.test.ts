import { describe, expect, test } from 'vitest'
import type { Graph, Model } from '../model.js'
import { parseText } from '../text/text.js'
import { attributesOf } from './attributes.js'
import { inlineFunctions } from './inline.js'

const parse = (nodes: string, functions: string) =>
  parseText(
    `<ir_version: 10, opset_import: ["" : 18, "local" : 1]> g (float[N, 4] x, bool c) => (float[N, 4] y) <float[4, 4] w> { ${nodes} } ${functions}`,
    {
      w: new Float32Array(16),
    },
  )

const linesOf = ({ nodes }: Graph): string[] => nodes.map((node) => `${node.outputs.join()} = ${node.op}(${node.inputs.join()})`)
const inlined = (model: Model) => linesOf(inlineFunctions(model).graph)

describe('functions in place of their calls', () => {
  test('every call has values of its own', () => {
    const model = parse(
      'a = local.layer(x, w)\n y = local.layer(a, w)',
      '<domain: "local", opset_import: ["" : 18]> layer (p, q) => (r) { s = MatMul(p, q)\n r = Relu(s) }',
    )
    expect(inlined(model)).toEqual(['a/s = MatMul(x,w)', 'a = Relu(a/s)', 'y/s = MatMul(a,w)', 'y = Relu(y/s)'])
    expect(inlineFunctions(model).functions).toEqual([])
  })

  test('functions that call others, also from graphs within', () => {
    const model = parse(
      'y = local.outer(x, c)',
      `<domain: "local", opset_import: ["" : 18, "local" : 1]> outer (p, f) => (r)
        { r = If(f) <then_branch = t () => (u) { u = local.inner(p) }, else_branch = e () => (v) { v = Neg(p) }> }
       <domain: "local", opset_import: ["" : 18]> inner (p) => (r) { s = Abs(p)\n r = Relu(s) }`,
    )
    const { graph } = inlineFunctions(model)
    expect(linesOf(graph)).toEqual(['y = If(c)'])
    const branches = attributesOf(graph.nodes[0]!)
    expect(linesOf(branches.graph('then_branch')!)).toEqual(['y/u/s = Abs(x)', 'y/u = Relu(y/u/s)'])
    expect(branches.graph('then_branch')!.outputs.map(({ name }) => name)).toEqual(['y/u'])
    expect(linesOf(branches.graph('else_branch')!)).toEqual(['y/v = Neg(x)'])
  })

  test('attributes of the call, and defaults, stand in place of what refers to them', () => {
    const model = parse(
      'a = local.leaky <alpha = 0.5> (x)\n y = local.leaky(a)',
      '<domain: "local", opset_import: ["" : 18]> leaky <alpha: float = 0.25> (p) => (r) { r = LeakyRelu <alpha: float = @alpha> (p) }',
    )
    const { nodes } = inlineFunctions(model).graph
    expect(nodes.map((node) => attributesOf(node).float('alpha'))).toEqual([0.5, 0.25])
  })

  test('inputs that a call leaves out are left out; what is passed through is copied', () => {
    const model = parse(
      'a, y = local.both(x)',
      '<domain: "local", opset_import: ["" : 18]> both (p, most) => (r, p) { r = Clip(p, , most) }',
    )
    expect(inlined(model)).toEqual(['a = Clip(x,,)', 'y = Identity(x)'])
  })

  test('names that are there already are not taken', () => {
    const model = parse(
      '"y/s" = Abs(x)\n y = local.layer("y/s")',
      '<domain: "local", opset_import: ["" : 18]> layer (p) => (r) { s = Neg(p)\n r = Relu(s) }',
    )
    expect(inlined(model)).toEqual(['y/s = Abs(x)', 'y.1/s = Neg(y/s)', 'y = Relu(y.1/s)'])
  })

  test('a function for other versions of operators stays, and a model without functions is itself', () => {
    const model = parse('y = local.layer(x)', '<domain: "local", opset_import: ["" : 13]> layer (p) => (r) { r = Relu(p) }')
    const kept = inlineFunctions(model)
    expect([linesOf(kept.graph), kept.functions.length]).toEqual([['y = layer(x)'], 1])
    const plain = parse('y = Relu(x)', '')
    expect(inlineFunctions(plain)).toBe(plain)
  })
})
