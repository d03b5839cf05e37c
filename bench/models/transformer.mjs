// A transformer with random weights, a share of them zero: learned positions left out, post-attention and feed-forward layers as in GPT-2.
import { parseText } from '../../packages/onnx/dist/index.js'

/** A model with the input `input` i64[batch, seq] and output `y` f32[batch, seq, width]. */
export function transformer({
  width,
  layers,
  sparsity,
  vocabulary = 512,
  heads = width / 64,
  hidden = 4 * width,
  input = 'ids',
}) {
  const values = {
    table: random(vocabulary * width, 0, 0),
    ones: new Float32Array(width).fill(1),
    zeros: new Float32Array(width),
    zeros4: new Float32Array(hidden),
  }
  const declared = [
    `float[${vocabulary}, ${width}] table, float[${width}] ones, float[${width}] zeros, float[${hidden}] zeros4`,
    `int64[4] split = {0, 0, ${heads}, 64}, int64[3] merge = {0, 0, ${width}}, float scale = {0.125}`,
  ]
  const nodes = [`h0 = Gather(table, ${input})`]
  const weight = (name, inputs, out) => {
    values[name] = random(inputs * out, sparsity, Object.keys(values).length, Math.sqrt(3 / (inputs * (1 - sparsity))))
    declared.push(`float[${inputs}, ${out}] ${name}`)
  }
  for (let l = 0; l < layers; l++) {
    for (const name of ['q', 'k', 'v', 'o']) weight(`${name}${l}`, width, width)
    weight(`up${l}`, width, hidden)
    weight(`down${l}`, hidden, width)
    const project = (name) =>
      `${name}m${l} = MatMul(n${l}, ${name}${l}) ${name}b${l} = Add(${name}m${l}, zeros) ${name}r${l} = Reshape(${name}b${l}, split)`
    nodes.push(
      `n${l} = LayerNormalization <axis = -1> (h${l}, ones, zeros)`,
      ...['q', 'k', 'v'].map(project),
      `qt${l} = Transpose <perm = [0, 2, 1, 3]> (qr${l}) kt${l} = Transpose <perm = [0, 2, 3, 1]> (kr${l}) vt${l} = Transpose <perm = [0, 2, 1, 3]> (vr${l})`,
      `s${l} = MatMul(qt${l}, kt${l}) c${l} = Mul(s${l}, scale) p${l} = Softmax <axis = -1> (c${l}) a${l} = MatMul(p${l}, vt${l})`,
      `at${l} = Transpose <perm = [0, 2, 1, 3]> (a${l}) ar${l} = Reshape(at${l}, merge) om${l} = MatMul(ar${l}, o${l}) ob${l} = Add(om${l}, zeros)`,
      `g${l} = Add(h${l}, ob${l}) m${l} = LayerNormalization <axis = -1> (g${l}, ones, zeros)`,
      `um${l} = MatMul(m${l}, up${l}) ub${l} = Add(um${l}, zeros4) ge${l} = com.microsoft.Gelu(ub${l})`,
      `dm${l} = MatMul(ge${l}, down${l}) db${l} = Add(dm${l}, zeros) h${l + 1} = Add(g${l}, db${l})`,
    )
  }
  nodes.push(`y = LayerNormalization <axis = -1> (h${layers}, ones, zeros)`)
  const text = `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (int64[batch, seq] ${input}) => (float[batch, seq, ${width}] y) <${declared.join(',\n')}> { ${nodes.join('\n')} }`
  return parseText(text, values)
}

function random(length, sparsity, seed, scale = 1) {
  let state = (seed * 7919 + 1) >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return Float32Array.from({ length }, () => (next() < sparsity ? 0 : scale * (2 * next() - 1)))
}
