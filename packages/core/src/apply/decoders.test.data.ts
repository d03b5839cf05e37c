import { type Model, parseText } from '@pare/onnx'

// Decoders of three layers with a key-value cache, as exporters write them. Four query heads of 16, two key-value heads; width 16.

const LAYERS = [0, 1, 2]
const CACHE = LAYERS.flatMap((l) => [`past.${l}.key`, `past.${l}.value`])
const all = (line: (layer: number) => string) => LAYERS.map(line).join('\n')

/** Attention written out, a norm before each block, key-value heads repeated. */
export function decomposed(): Model {
  const weights = all(
    (
      l,
    ) => `float[16, 64] q${l}, float[16, 32] k${l}, float[16, 32] v${l}, float[64, 16] o${l}, float[16, 24] up${l}, float[24, 16] down${l},
            float[16] n${l}, float[16] m${l},`,
  )
  const nodes = all(
    (l) => `a${l} = SimplifiedLayerNormalization<axis = -1, epsilon = 0.00001>(h${l}, n${l})
      ${heads(`q${l}`, `a${l}`, 'four')} ${heads(`k${l}`, `a${l}`, 'two')} ${heads(`v${l}`, `a${l}`, 'two')}
      "present.${l}.key" = Concat<axis = 2>("past.${l}.key", k${l}_h)
      "present.${l}.value" = Concat<axis = 2>("past.${l}.value", v${l}_h)
      ${repeated(`k${l}`, `"present.${l}.key"`)} ${repeated(`v${l}`, `"present.${l}.value"`)}
      kt${l} = Transpose<perm = [0, 1, 3, 2]>(k${l}_r)
      s${l} = MatMul(q${l}_h, kt${l})
      p${l} = Softmax<axis = -1>(s${l})
      c${l} = MatMul(p${l}, v${l}_r)
      t${l} = Transpose<perm = [0, 2, 1, 3]>(c${l})
      f${l} = Reshape(t${l}, flat)
      y${l} = MatMul(f${l}, o${l})
      r${l} = Add(h${l}, y${l})
      b${l} = SimplifiedLayerNormalization<axis = -1, epsilon = 0.00001>(r${l}, m${l})
      u${l} = MatMul(b${l}, up${l})
      g${l} = Relu(u${l})
      d${l} = MatMul(g${l}, down${l})
      h${l + 1} = Add(r${l}, d${l})`,
  )
  return made(`<${weights} float[50, 16] embed, float[16, 50] head, int64[4] four = {0, 0, 4, 16}, int64[4] two = {0, 0, 2, 16}, int64[3] flat = {0, 0, 64},
     int64[1] two_axis = {2}, int64[5] twice = {1, 1, 2, 1, 1}, int64[4] joined = {0, 4, -1, 16}>
    { h0 = Gather(embed, ids)
      ${nodes}
      logits = MatMul(h3, head) }`)
}

const heads = (name: string, from: string, target: string) => `${name}_w = MatMul(${from}, ${name})
      ${name}_s = Reshape(${name}_w, ${target})
      ${name}_h = Transpose<perm = [0, 2, 1, 3]>(${name}_s)`

const repeated = (name: string, from: string) => `${name}_u = Unsqueeze(${from}, two_axis)
      ${name}_e = Expand(${name}_u, twice)
      ${name}_r = Reshape(${name}_e, joined)`

/** As the builder for onnxruntime-genai writes it: the residual sum runs through the fourth output of fused normalisations, which leave two out. */
export function fused(): Model {
  const weights = all(
    (
      l,
    ) => `float[16, 64] q${l}, float[16, 32] k${l}, float[16, 32] v${l}, float[64, 16] o${l}, float[16, 24] up${l}, float[24, 16] down${l},
            float[16] n${l}, float[16] m${l},`,
  )
  const norm = (l: number) =>
    l === 0
      ? 'a0 = SimplifiedLayerNormalization<axis = -1, epsilon = 0.00001>(h0, n0)'
      : `a${l}, , , h${l} = com.microsoft.SkipSimplifiedLayerNormalization<epsilon = 0.00001>(r${l - 1}, d${l - 1}, n${l})`
  const nodes = all(
    (l) => `${norm(l)}
      q${l}_w = MatMul(a${l}, q${l})
      k${l}_w = MatMul(a${l}, k${l})
      v${l}_w = MatMul(a${l}, v${l})
      c${l}, "present.${l}.key", "present.${l}.value" = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2, do_rotary = 1>(
        q${l}_w, k${l}_w, v${l}_w, "past.${l}.key", "past.${l}.value", lengths, total, cos, sin)
      y${l} = MatMul(c${l}, o${l})
      b${l}, , , r${l} = com.microsoft.SkipSimplifiedLayerNormalization<epsilon = 0.00001>(h${l}, y${l}, m${l})
      u${l} = MatMul(b${l}, up${l})
      g${l} = Relu(u${l})
      d${l} = MatMul(g${l}, down${l})`,
  )
  return made(
    `<${weights} float[50, 16] embed, float[16, 50] head, float[16] last, float[64, 8] cos, float[64, 8] sin>
    { h0 = Gather(embed, ids)
      ${nodes}
      n = com.microsoft.SkipSimplifiedLayerNormalization<epsilon = 0.00001>(r2, d2, last)
      logits = MatMul(n, head) }`,
    'int32[B] lengths, int32 total, ',
  )
}

/** A norm behind each block, fused with the sum before it, and no cache. */
export function postNorm(): Model {
  const weights = all(
    (l) => `float[16, 24] up${l}, float[24, 16] down${l}, float[16] n${l}, float[16] beta${l}, float[16] bias${l},`,
  )
  const nodes = all(
    (l) => `u${l} = MatMul(h${l}, up${l})
      g${l} = Relu(u${l})
      d${l} = MatMul(g${l}, down${l})
      h${l + 1} = com.microsoft.SkipLayerNormalization<epsilon = 0.00001>(d${l}, h${l}, n${l}, beta${l}, bias${l})`,
  )
  return made(
    `<${weights} float[50, 16] embed, float[16, 50] head>
    { h0 = Gather(embed, ids)
      ${nodes}
      logits = MatMul(h3, head) }`,
    '',
    false,
  )
}

function made(body: string, more = '', cached = true): Model {
  const inputs = cached ? CACHE.map((name) => `float[B, 2, P, 16] "${name}"`) : []
  const outputs = cached ? CACHE.map((name) => `float[B, 2, T, 16] "${name.replace('past', 'present')}"`) : []
  const text = `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    decoder (int64[B, S] ids, ${[more.replace(/, $/, ''), ...inputs].filter((each) => each !== '').join(', ')}) => (${['float[B, S, 50] logits', ...outputs].join(', ')}) ${body}`
  return parseText(text.replace('ids, )', 'ids)'), numbers(text))
}

/** Numbers for each initializer without any, from a small linear congruence. */
function numbers(text: string): Record<string, Float32Array> {
  let state = 1
  const next = () => {
    state = (state * 16807) % 2147483647
    return (state / 1073741823.5 - 1) / 2
  }
  const declared = [...text.slice(text.lastIndexOf('=> ')).matchAll(/float\[([\d, ]+)\] (\w+)/g)]
  return Object.fromEntries(
    declared.map(([, sizes, name]) => [
      name!,
      Float32Array.from({ length: sizes!.split(',').reduce((total, size) => total * Number(size), 1) }, next),
    ]),
  )
}
