import {
  editGraph,
  editModel,
  editNode,
  editValueInfo,
  type Model,
  makeNode,
  makeValueInfo,
  type Node,
  parseText,
} from '@pare/onnx'

/**
 * A decoder of two layers as optimum and transformers.js export them: a mask over the cache and the new tokens, whose size is called `covers`, positions as an input,
 * attention written out, and two key-value heads that four query heads share, repeated by Unsqueeze, Expand and Reshape. Width 8, heads of 2, 12 neurons, 16 tokens.
 */
export function tinyDecoder(
  covers: string,
  numbers: (sizes: Readonly<Record<string, number>>) => Record<string, Float32Array>,
): Model {
  const sizes: Record<string, number> = { embed: 128, places: 512, head: 128 }
  for (const l of LAYERS) Object.assign(sizes, weightsOf(l))
  const cache = LAYERS.flatMap((l) => [`${l}.key`, `${l}.value`])
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     decoder (int64[batch_size, sequence_length] input_ids, int64[batch_size, "${covers}"] attention_mask, int64[batch_size, sequence_length] position_ids,
       ${cache.map((name) => `float[batch_size, 2, past_sequence_length, 2] "past_key_values.${name}"`).join(', ')})
     => (float[batch_size, sequence_length, 16] logits, ${cache.map((name) => `float[batch_size, 2, "${covers}", 2] "present.${name}"`).join(', ')})
     <float[16, 8] embed, float[64, 8] places, float[8, 16] head, ${LAYERS.map(declared).join(', ')},
      int64[4] four = {0, 0, 4, 2}, int64[4] two = {0, 0, 2, 2}, int64[3] flat = {0, 0, 8}, int64[2] ends = {1, 3}, int64[1] at2 = {2}, int64[2] at12 = {1, 2},
      int64 one = {1}, int64 zero = {0}, float none = {0}, float never = {-10000}, int64[3] front = {0, 1, 2}>
     { embedded = Gather(embed, input_ids)
       placed = Gather(places, position_ids)
       h0 = Add(embedded, placed)
       shape = Shape(attention_mask)
       total = Gather<axis = 0>(shape, one)
       keys = Range(zero, total, one)
       keys4 = Unsqueeze(keys, front)
       at = Unsqueeze(position_ids, ends)
       known = LessOrEqual(keys4, at)
       real = Cast<to = 9>(attention_mask)
       real4 = Unsqueeze(real, at12)
       allowed = And(known, real4)
       mask = Where(allowed, none, never)
       ${LAYERS.map(layer).join('\n')}
       logits = MatMul(h2, head) }`,
    numbers(sizes),
  )
}

const LAYERS = [0, 1]

const weightsOf = (l: number) => ({
  [`q${l}`]: 64,
  [`k${l}`]: 32,
  [`v${l}`]: 32,
  [`o${l}`]: 64,
  [`up${l}`]: 96,
  [`down${l}`]: 96,
})

const declared = (l: number) =>
  `float[8, 8] q${l}, float[8, 4] k${l}, float[8, 4] v${l}, float[8, 8] o${l}, float[8, 12] up${l}, float[12, 8] down${l},
   float[8] n${l} = {1, 2, 1, 2, 1, 2, 1, 2}, float[8] m${l} = {2, 1, 2, 1, 2, 1, 2, 1}, int64[5] twice${l} = {1, 1, 2, 1, 1}, int64[4] joined${l} = {0, 4, -1, 2}`

const layer = (l: number) => `
       a${l} = LayerNormalization<axis = -1>(h${l}, n${l})
       ${heads(`q${l}`, `a${l}`, 'four')} ${heads(`k${l}`, `a${l}`, 'two')} ${heads(`v${l}`, `a${l}`, 'two')}
       "present.${l}.key" = Concat<axis = 2>("past_key_values.${l}.key", k${l}_h)
       "present.${l}.value" = Concat<axis = 2>("past_key_values.${l}.value", v${l}_h)
       ${repeated(l, 'k', 'key')} ${repeated(l, 'v', 'value')}
       kt${l} = Transpose<perm = [0, 1, 3, 2]>(k${l}_r)
       s${l} = MatMul(q${l}_h, kt${l})
       masked${l} = Add(s${l}, mask)
       p${l} = Softmax<axis = -1>(masked${l})
       c${l} = MatMul(p${l}, v${l}_r)
       t${l} = Transpose<perm = [0, 2, 1, 3]>(c${l})
       f${l} = Reshape(t${l}, flat)
       y${l} = MatMul(f${l}, o${l})
       r${l} = Add(h${l}, y${l})
       b${l} = LayerNormalization<axis = -1>(r${l}, m${l})
       u${l} = MatMul(b${l}, up${l})
       g${l} = Relu(u${l})
       d${l} = MatMul(g${l}, down${l})
       h${l + 1} = Add(r${l}, d${l})`

const heads = (name: string, from: string, target: string) => `${name}_w = MatMul(${from}, ${name})
       ${name}_s = Reshape(${name}_w, ${target})
       ${name}_h = Transpose<perm = [0, 2, 1, 3]>(${name}_s)`

const repeated = (l: number, name: string, kept: string) => `${name}${l}_u = Unsqueeze("present.${l}.${kept}", at2)
       ${name}${l}_e = Expand(${name}${l}_u, twice${l})
       ${name}${l}_r = Reshape(${name}${l}_e, joined${l})`

/**
 * The same decoder as optimum merges it: an If on `use_cache_branch`, with weights that both branches read. The one branch continues the cache, the other reads the first
 * tokens and none of it: it fits an empty cache.
 */
export function tinyMergedDecoder(numbers: (sizes: Readonly<Record<string, number>>) => Record<string, Float32Array>): Model {
  const decoder = tinyDecoder('past_sequence_length + sequence_length', numbers)
  const { graph } = decoder
  const own = new Set(graph.initializers.map(({ name }) => name))
  const fed = new Set(graph.inputs.map(({ name }) => name))
  const branch = (suffix: string, nodes: readonly Node[]) => {
    const local = (name: string) => (name === '' || own.has(name) || fed.has(name) ? name : `${name}${suffix}`)
    return editGraph(graph, {
      name: suffix,
      inputs: [],
      initializers: [],
      values: [],
      outputs: graph.outputs.map((value) => editValueInfo(value, { name: local(value.name) })),
      nodes: nodes.map((node) => editNode(node, { inputs: node.inputs.map(local), outputs: node.outputs.map(local) })),
    })
  }
  const first = graph.nodes.map((node) =>
    node.op === 'Concat' && node.inputs[0]!.startsWith('past')
      ? makeNode({ op: 'Identity', inputs: [node.inputs[1]!], outputs: node.outputs })
      : node,
  )
  const choice = makeNode({
    op: 'If',
    inputs: ['use_cache_branch'],
    outputs: graph.outputs.map(({ name }) => name),
    attributes: { then_branch: branch('_continued', graph.nodes), else_branch: branch('_begun', first) },
  })
  const flag = makeValueInfo({ name: 'use_cache_branch', type: 'bool', shape: [1] })
  return editModel(decoder, { graph: editGraph(graph, { inputs: [...graph.inputs, flag], nodes: [choice], values: [] }) })
}
