import {
  type Code,
  type Definition,
  define,
  f32,
  f32x4,
  i32,
  type Local,
  loopWhile,
  plus,
  repeat,
  v128,
  type Writer,
} from '@pare/wasm'

// What lies between products and works on rows of numbers.

/** y f32[count] = a · b or a + b; `count` is rounded up to a multiple of four. y may be a or b. */
export function pairKernel(name: 'add' | 'mul'): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32'], (writer) => {
    const [y, a, b, count] = writer.parameters
    const end = writer.local('i32')
    return [
      end.set(plus(y.get, i32.shl(count.get, i32.const(2)))),
      loopWhile(i32.lt(y.get, end.get), [
        v128.store(y.get, f32x4[name](v128.load(a.get), v128.load(b.get))),
        [y, a, b].map((each) => each.set(plus(each.get, 16))),
      ]),
    ]
  })
}

export type NormKind = 'layer' | 'rms'

/**
 * y f32[rows, width] = (x − mean) / √(variance + ε) · scale + bias of each row; 'rms' takes 0 for the mean. Nothing beyond a row is written.
 * `parameters`: ε in 16 bytes, then scale f32[width] and, for 'layer', bias f32[width].
 */
export function normKernel(name: string, kind: NormKind): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32', 'i32'], (writer) => {
    const [y, x, parameters, rows, width] = writer.parameters
    const mean = writer.local('f32')
    const factor = writer.local('f32')
    const [means, factors] = writer.locals('v128', 2)
    const bytes = writer.local('i32')
    const bias = writer.local('i32')
    const average = (of: Code): Code => f32.div(of, f32.convert(width.get))
    const total = (four: (at: Code) => Code, one: (at: Code) => Code) => sumOfRow({ writer, x, bytes }, four, one)
    const centred = (value: Code): Code => (kind === 'rms' ? value : f32.sub(value, mean.get))
    const centredFour = (value: Code): Code => (kind === 'rms' ? value : f32x4.sub(value, means.get))
    const squares = square(writer, centredFour)
    const squareOne = squareScalar(writer, centred)
    const at = writer.local('i32')
    const scale = plus(parameters.get, 16)
    const oneRow = [
      kind === 'rms'
        ? []
        : [
            mean.set(
              average(
                total(
                  (from) => v128.load(from),
                  (from) => f32.load(from),
                ),
              ),
            ),
            means.set(f32x4.splat(mean.get)),
          ],
      factor.set(f32.div(f32.const(1), f32.sqrt(f32.add(average(total(squares, squareOne)), f32.load(parameters.get))))),
      factors.set(f32x4.splat(factor.get)),
      at.set(i32.const(0)),
      loopWhile(i32.le(plus(at.get, 16), bytes.get), [
        v128.store(
          plus(y.get, at.get),
          withBias(
            f32x4.mul(f32x4.mul(centredFour(v128.load(plus(x.get, at.get))), factors.get), v128.load(plus(scale, at.get))),
            kind === 'layer' ? v128.load(plus(bias.get, at.get)) : undefined,
            f32x4.add,
          ),
        ),
        at.set(plus(at.get, 16)),
      ]),
      loopWhile(i32.lt(at.get, bytes.get), [
        f32.store(
          plus(y.get, at.get),
          withBias(
            f32.mul(f32.mul(centred(f32.load(plus(x.get, at.get))), factor.get), f32.load(plus(scale, at.get))),
            kind === 'layer' ? f32.load(plus(bias.get, at.get)) : undefined,
            f32.add,
          ),
        ),
        at.set(plus(at.get, 4)),
      ]),
      x.set(plus(x.get, bytes.get)),
      y.set(plus(y.get, bytes.get)),
    ]
    return [
      bytes.set(i32.shl(width.get, i32.const(2))),
      bias.set(plus(scale, bytes.get)),
      repeat(oneRow, rows.tee(i32.sub(rows.get, i32.const(1)))),
    ]
  })
}

const withBias = (value: Code, bias: Code | undefined, add: (a: Code, b: Code) => Code): Code =>
  bias === undefined ? value : add(value, bias)

function square(writer: Writer, of: (value: Code) => Code): (at: Code) => Code {
  const value = writer.local('v128')
  return (at) => [value.set(of(v128.load(at))), f32x4.mul(value.get, value.get)]
}

function squareScalar(writer: Writer, of: (value: Code) => Code): (at: Code) => Code {
  const value = writer.local('f32')
  return (at) => [value.set(of(f32.load(at))), f32.mul(value.get, value.get)]
}

/** The sum over a row of `bytes` from x on: `four` of four numbers, `one` of each that is left. */
function sumOfRow(
  { writer, x, bytes }: { writer: Writer; x: Local; bytes: Local },
  four: (at: Code) => Code,
  one: (at: Code) => Code,
): Code {
  const sums = writer.local('v128')
  const sum = writer.local('f32')
  const at = writer.local('i32')
  const address = plus(x.get, at.get)
  const lane = (i: number) => f32x4.lane(sums.get, i)
  return [
    sums.set(f32x4.const(0)),
    at.set(i32.const(0)),
    loopWhile(i32.le(plus(at.get, 16), bytes.get), [sums.set(f32x4.add(sums.get, four(address))), at.set(plus(at.get, 16))]),
    sum.set(f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3)))),
    loopWhile(i32.lt(at.get, bytes.get), [sum.set(f32.add(sum.get, one(address))), at.set(plus(at.get, 4))]),
    sum.get,
  ]
}
