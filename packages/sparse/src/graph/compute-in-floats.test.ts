import { makeValueInfo, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { computeInFloats, namesToKnow } from './compute-in-floats.js'

const header = '<ir_version: 8, opset_import: ["" : 17]>'
const allHalves = (name: string) => makeValueInfo({ name, type: 'float16' })
const lines = (source: string) =>
  computeInFloats(parseText(`${header} ${source}`), allHalves).graph.nodes.map(
    ({ op, inputs, outputs }) => `${outputs} = ${op}(${inputs})`,
  )

describe('nodes of halves in f32', () => {
  it('widen what they read once, and round only what others read', () => {
    const source = `g (float16[N, 4] x) => (float16[N, 4] y) <float16[4, 4] w, float16[4] b>
      { a = MatMul(x, w) c = Add(a, b) d = Softmax(c) e = Mul(x, d) y = Relu(e) }`
    expect(lines(source)).toEqual([
      'x.float = Cast(x)',
      'w.float = Cast(w)',
      'a.float = MatMul(x.float,w.float)',
      'b.float = Cast(b)',
      'c.float = Add(a.float,b.float)',
      'c = Cast(c.float)',
      'd = Softmax(c)',
      'd.float = Cast(d)',
      'e.float = Mul(x.float,d.float)',
      'y.float = Relu(e.float)',
      'y = Cast(y.float)',
    ])
  })

  it('take names that nothing else has', () => {
    const source = 'g (float16[4] x.float) => (float16[4] y) { y = Relu(x.float) }'
    expect(lines(source)).toContain('y.float_ = Relu(x.float.float_)')
  })

  it('are left alone where no weight of halves is multiplied', () => {
    const named = (source: string) => namesToKnow(parseText(`${header} ${source}`, { w: new Float32Array(16) }))
    expect(named('g (float16[4, 4] x) => (float16[4, 4] y) <float16[4, 4] w> { y = Add(x, w) }')).toEqual([])
    expect(named('g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { y = MatMul(x, w) }')).toEqual([])
    expect(named('g (float16[N, 4] x) => (float16[N, 4] y) <float16[4, 4] w> { y = MatMul(x, w) }')).toEqual(['x', 'y'])
  })
})
