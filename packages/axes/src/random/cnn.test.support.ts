import type { Model } from '@pare/onnx'
import { ARRANGEMENTS } from './arrange.test.support.js'
import { COMPUTED_ARRANGEMENTS } from './computed.test.support.js'
import { type Choices, GraphText, type Value } from './graph-text.test.support.js'
import { at, type Cnn, channels, type Image, reduceMean } from './image.test.support.js'
import { conv, LAYERS } from './layers.test.support.js'

/** A random valid image network of about `steps` blocks: input f32[N, 3, H, W], H and W multiples of 8. */
export function randomCnn(choices: Choices, steps: number): Model {
  const g = new GraphText(choices, choices.pick([11, 12, 13, 17, 18, 21]))
  const size = choices.chance(0.5) ? 8 : -1
  const cnn: Cnn = { g, choices, pool: [], size }
  const input: Image = { name: 'x', shape: [-1, 3, size, size], level: 0 }
  let x = conv(cnn, input)!
  cnn.pool.push(x)
  for (let step = 0; step < steps; step++) {
    const made = choices.pick(choices.chance(0.55) ? LAYERS : choices.chance(0.5) ? ARRANGEMENTS : COMPUTED_ARRANGEMENTS)(
      cnn,
      choices.chance(0.8) ? x : choices.pick(cnn.pool),
    )
    if (made === undefined) continue
    x = made
    cnn.pool.push(x)
  }
  const dims = size < 0 ? 'N, 3, H, W' : 'N, 3, 8, 8'
  const outputs = [tail(cnn, x)]
  if (choices.chance(0.2)) outputs.push(tail(cnn, choices.pick(cnn.pool)))
  return g.model(`float[${dims}] x`, outputs)
}

/** What comes last: a classifier, or the image itself. */
function tail(cnn: Cnn, x: Image): Value {
  const { g, choices } = cnn
  const c = channels(x)
  const side = at(cnn, x.level)
  if (choices.chance(0.2)) return g.node('Conv', [x, g.weight([2, c, 1, 1])], [-1, 2, side, side])
  const isWhole = side > 0 && side <= 4 && choices.chance(0.3)
  const flat = isWhole ? flattened(cnn, x, c * side * side) : averaged(cnn, x)
  const width = flat.shape[1]!
  if (choices.chance(0.5)) {
    const hidden = choices.int(2, 6)
    const h = g.node('Relu', [gemm(cnn, flat, hidden)], [-1, hidden])
    return gemm(cnn, h, 3)
  }
  return width === c && choices.chance(0.3) ? g.node('MatMul', [flat, g.weight([c, 3])], [-1, 3]) : gemm(cnn, flat, 3)
}

function flattened({ g, choices }: Cnn, x: Value, width: number): Value {
  return choices.chance(0.5)
    ? g.node('Flatten', [x], [-1, width], 'axis = 1')
    : g.node(
        'Reshape',
        [
          x,
          g.ints(
            choices.pick([
              [0, -1],
              [-1, width],
            ]),
          ),
        ],
        [-1, width],
      )
}

function averaged(cnn: Cnn, x: Image): Value {
  const { g, choices } = cnn
  const c = channels(x)
  if (choices.chance(0.3)) return reduceMean(g, x, [2, 3], [-1, c])
  const mean = g.node(choices.pick(['GlobalAveragePool', 'GlobalMaxPool']), [x], [-1, c, 1, 1])
  if (choices.chance(0.3)) {
    if (g.opset < 13) return g.node('Squeeze', [mean], [-1, c], 'axes = [2, 3]')
    return g.node('Squeeze', [mean, g.ints([2, 3])], [-1, c])
  }
  return flattened(cnn, mean, c)
}

function gemm({ g, choices }: Cnn, x: Value, out: number): Value {
  const inputs = x.shape[1]!
  const isTurned = choices.chance(0.5)
  const w = g.weight(isTurned ? [out, inputs] : [inputs, out])
  return g.node('Gemm', [x, w, choices.chance(0.7) ? g.weight([out]) : undefined], [-1, out], `transB = ${isTurned ? 1 : 0}`)
}
