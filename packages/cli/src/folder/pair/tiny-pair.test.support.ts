import { type Model, parseText } from '@pare/onnx'

/**
 * The decoder of an encoder-decoder model in two files, as optimum exports it: two layers of attention to itself, attention to an encoder and a feed-forward network.
 * Width 8, two heads of 4, 12 neurons, 16 tokens. The first computes keys and values of the encoder, the other is given them. Each file has its own names.
 */
export function tinyPair(): { readonly first: Model; readonly next: Model } {
  return { first: decoder(FIRST), next: decoder(NEXT) }
}

interface Side {
  readonly isNext: boolean
  /** What the file calls a weight. */
  nameOf(weight: string): string
}

const FIRST: Side = { isNext: false, nameOf: (weight) => weight }
/** Names are those of other weights of the first file. */
const NEXT: Side = { isNext: true, nameOf: (weight) => (weight === 'q0' ? 'q1' : weight === 'q1' ? 'q0' : weight) }

const LAYERS = [0, 1]
/** Made up of a layer's own weights: q, k, v and o of both attentions. */
const MATRICES = ['q', 'k', 'v', 'o', 'xq', 'xk', 'xv', 'xo']

function decoder(side: Side): Model {
  const { isNext, nameOf } = side
  const own = LAYERS.flatMap((l) => [
    ...MATRICES.filter((name) => !isNext || (name !== 'xk' && name !== 'xv')).map((name) => [`${name}${l}`, [8, 8]] as const),
    ...([
      [`up${l}`, [8, 12]],
      [`down${l}`, [12, 8]],
    ] as const),
    ...['n', 'm', 'z'].map((name) => [`${name}${l}`, [8]] as const),
  ])
  const weights: readonly (readonly [string, readonly number[]])[] = [['embed', [16, 8]], ['head', [8, 16]], ...own]
  const declared = weights.map(([name, shape]) => `float[${shape.join()}] ${nameOf(name)}`).join(', ')
  const numbers = Object.fromEntries(weights.map(([name, shape]) => [nameOf(name), numbersOf(name, shape)]))
  const caches = (what: string, kinds: readonly string[], length: (kind: string) => string) =>
    LAYERS.flatMap((l) =>
      kinds.flatMap((kind) =>
        ['key', 'value'].map((each) => `float[batch_size, 2, "${length(kind)}", 4] "${what}.${l}.${kind}.${each}"`),
      ),
    ).join(', ')
  const past = caches('past_key_values', ['decoder', 'encoder'], (kind) =>
    kind === 'decoder' ? 'past_decoder_sequence_length' : 'encoder_sequence_length_out',
  )
  const present = caches('present', isNext ? ['decoder'] : ['decoder', 'encoder'], (kind) =>
    kind === 'decoder' ? 'past_decoder_sequence_length + 1' : 'encoder_sequence_length_out',
  )
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     ${isNext ? 'next' : 'first'} (int64[batch_size, decoder_sequence_length] input_ids, ${isNext ? past : 'float[batch_size, encoder_sequence_length, 8] encoder_hidden_states'})
     => (float[batch_size, decoder_sequence_length, 16] logits, ${present})
     <${declared}, int64[4] apart = {0, 0, 2, 4}, int64[3] flat = {0, 0, 8}, int64 one = {1}, ${isNext ? 'int64 two = {2}, ' : ''}int64 zero = {0}, int64[1] front = {0}, int64[1] last = {1},
      float none = {0}, float never = {-10000}>
     { h0 = Gather(embed, input_ids)
       ids = Shape(input_ids)
       own = Gather<axis = 0>(ids, one)
       ${isNext ? 'sizes = Shape("past_key_values.0.decoder.key")\n past = Gather<axis = 0>(sizes, two)' : 'past = Identity(zero)'}
       total = Add(past, own)
       keys = Range(zero, total, one)
       at0 = Range(past, total, one)
       at = Unsqueeze(at0, last)
       keys2 = Unsqueeze(keys, front)
       known = LessOrEqual(keys2, at)
       mask = Where(known, none, never)
       ${LAYERS.map((l) => layer(l, side)).join('\n')}
       logits = MatMul(h2, head) }`,
    numbers,
  )
}

function layer(l: number, { isNext, nameOf }: Side): string {
  const kept = (kind: string, each: 'key' | 'value', made: string) => {
    const [from, to] = [`"past_key_values.${l}.${kind}.${each}"`, `"present.${l}.${kind}.${each}"`]
    if (!isNext) return `${to} = Identity(${made})\n ${each}${kind}${l} = Identity(${made})`
    return kind === 'encoder'
      ? `${each}${kind}${l} = Identity(${from})`
      : `${to} = Concat<axis = 2>(${from}, ${made})\n ${each}${kind}${l} = Identity(${to})`
  }
  const keysOf = (kind: string, name: string, memory: string) =>
    (['key', 'value'] as const)
      .map((each) => {
        const weight = `${name}${each === 'key' ? 'k' : 'v'}${l}`
        return isNext && kind === 'encoder'
          ? kept(kind, each, '')
          : `${heads(weight, nameOf(weight), memory)} ${kept(kind, each, `${weight}_h`)}`
      })
      .join('\n')
  const attention = ({ kind, name, norm, from, to, memory, mask }: Record<string, string>) =>
    `
    ${norm}_n = LayerNormalization<axis = -1>(${from}, ${norm})
    ${heads(`${name}q${l}`, nameOf(`${name}q${l}`), `${norm}_n`)}
    ${keysOf(kind!, name!, memory!)}
    ${name}t${l} = Transpose<perm = [0, 1, 3, 2]>(key${kind}${l})
    ${name}s${l} = MatMul(${name}q${l}_h, ${name}t${l})
    ${name}w${l} = ${mask === '' ? `Identity(${name}s${l})` : `Add(${name}s${l}, ${mask})`}
    ${name}p${l} = Softmax<axis = -1>(${name}w${l})
    ${name}c${l} = MatMul(${name}p${l}, value${kind}${l})
    ${name}b${l} = Transpose<perm = [0, 2, 1, 3]>(${name}c${l})
    ${name}f${l} = Reshape(${name}b${l}, flat)
    ${name}y${l} = MatMul(${name}f${l}, ${nameOf(`${name}o${l}`)})
    ${to} = Add(${from}, ${name}y${l})`
  return `${attention({ kind: 'decoder', name: '', norm: `n${l}`, from: `h${l}`, to: `r${l}`, memory: `n${l}_n`, mask: 'mask' })}
    ${attention({ kind: 'encoder', name: 'x', norm: `m${l}`, from: `r${l}`, to: `e${l}`, memory: 'encoder_hidden_states', mask: '' })}
    z${l}_n = LayerNormalization<axis = -1>(e${l}, z${l})
    u${l} = MatMul(z${l}_n, up${l})
    g${l} = Relu(u${l})
    d${l} = MatMul(g${l}, down${l})
    h${l + 1} = Add(e${l}, d${l})`
}

const heads = (name: string, weight: string, from: string) => `${name}_w = MatMul(${from}, ${weight})
    ${name}_s = Reshape(${name}_w, apart)
    ${name}_h = Transpose<perm = [0, 2, 1, 3]>(${name}_s)`

/** The same in both files. */
function numbersOf(name: string, shape: readonly number[]): Float32Array {
  const seed = [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 1000
  const count = shape.reduce((all, size) => all * size, 1)
  return Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 12.9898) * 0.6 + (shape.length === 1 ? 1 : 0))
}
