import {
  type Code,
  type Definition,
  define,
  either,
  f32,
  f32x4,
  i32,
  type Local,
  loopWhile,
  plus,
  repeat,
  v128,
  type Writer,
  when,
} from '@pare/wasm'

/** Inputs, or rows, that are transposed before the next four samples are: what is written stays in the first-level cache meanwhile. */
const STRETCH = 64

/**
 * target f32[inputs, 4 · vectors] = the transpose of x f32[samples, inputs], rows `stride` bytes apart. Samples beyond the given ones repeat the last. Inputs go
 * in fours: up to three beyond the last are read, and written.
 */
export function packKernel(name: string, vectors: number): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32', 'i32'], (writer) => {
    const [x, target, samples, inputs, stride] = writer.parameters
    const [end, from, to, stretch] = writer.locals('i32', 4)
    const rows = writer.locals('i32', 4 * vectors)
    const width = 16 * vectors
    const pointers = rows.map((row, m) =>
      m === 0
        ? row.set(x.get)
        : [row.set(rows[m - 1]!.get), when(i32.lt(i32.const(m), samples.get), row.set(plus(row.get, stride.get)))],
    )
    const group = (g: number): Code => {
      const four = rows.slice(4 * g, 4 * g + 4)
      return [
        from.set(i32.const(0)),
        to.set(plus(target.get, 16 * g)),
        repeat(
          [
            transpose(
              writer,
              (i) => v128.load(plus(four[i]!.get, from.get)),
              (i, value) => v128.store(to.get, value, i * width),
            ),
            from.set(plus(from.get, 16)),
            to.set(plus(to.get, 4 * width)),
          ],
          i32.lt(from.get, stretch.get),
        ),
      ]
    }
    return [
      pointers,
      end.set(i32.shl(inputs.get, i32.const(2))),
      loopWhile(i32.lt(i32.const(0), end.get), [
        stretch.set(i32.const(4 * STRETCH)),
        when(i32.lt(end.get, stretch.get), stretch.set(end.get)),
        Array.from({ length: vectors }, (_, g) => group(g)),
        rows.map((row) => row.set(plus(row.get, stretch.get))),
        target.set(plus(target.get, STRETCH * width)),
        end.set(i32.sub(end.get, stretch.get)),
      ]),
    ]
  })
}

/** The way back: target f32[samples, …], rows `stride` bytes apart, gets `count` columns from y f32[count, 4 · vectors]. */
export function unpackKernel(name: string, vectors: number): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32', 'i32'], (writer) => {
    const [y, target, samples, count, stride] = writer.parameters
    const [left, from, to, row, steps, block] = writer.locals('i32', 6)
    const width = 16 * vectors
    const group = (g: number): Code => [
      from.set(plus(y.get, 16 * g)),
      to.set(plus(target.get, i32.mul(stride.get, i32.const(4 * g)))),
      steps.set(block.get),
      repeat(
        [
          row.set(to.get),
          transpose(
            writer,
            (i) => v128.load(from.get, i * width),
            (i, value) => [
              when(i32.lt(i32.const(4 * g + i), samples.get), v128.store(row.get, value)),
              i < 3 ? row.set(plus(row.get, stride.get)) : [],
            ],
          ),
          from.set(plus(from.get, 4 * width)),
          to.set(plus(to.get, 16)),
        ],
        steps.tee(i32.sub(steps.get, i32.const(1))),
      ),
    ]
    const lastRow = [
      to.set(target.get),
      Array.from({ length: 4 * vectors }, (_, m) =>
        when(i32.lt(i32.const(m), samples.get), [f32.store(to.get, f32.load(y.get, 4 * m)), to.set(plus(to.get, stride.get))]),
      ),
      y.set(plus(y.get, width)),
      target.set(plus(target.get, 4)),
    ]
    return [
      left.set(i32.shr(count.get, i32.const(2))),
      loopWhile(left.get, [
        block.set(i32.const(4)),
        when(i32.lt(left.get, block.get), block.set(left.get)),
        Array.from({ length: vectors }, (_, g) => when(i32.lt(i32.const(4 * g), samples.get), group(g))),
        y.set(plus(y.get, i32.mul(block.get, i32.const(4 * width)))),
        target.set(plus(target.get, i32.shl(block.get, i32.const(4)))),
        left.set(i32.sub(left.get, block.get)),
      ]),
      left.set(i32.and(count.get, i32.const(3))),
      loopWhile(left.get, [lastRow, left.set(i32.sub(left.get, i32.const(1)))]),
    ]
  })
}

/** 4 × 4: lane i of vector j becomes lane j of vector i. */
function transpose(writer: Writer, load: (i: number) => Code, store: (i: number, value: Code) => Code): Code {
  const [a, b, c, d] = writer.locals('v128', 4)
  const [ab, cd, AB, CD] = writer.locals('v128', 4)
  const low = [0, 4, 1, 5]
  const high = [2, 6, 3, 7]
  const halves = (first: Local, second: Local): [Code, Code] => [
    f32x4.shuffle(first.get, second.get, [0, 1, 4, 5]),
    f32x4.shuffle(first.get, second.get, [2, 3, 6, 7]),
  ]
  const columns = [...halves(ab, cd), ...halves(AB, CD)]
  return [
    [a, b, c, d].map((vector, i) => vector.set(load(i))),
    ab.set(f32x4.shuffle(a.get, b.get, low)),
    cd.set(f32x4.shuffle(c.get, d.get, low)),
    AB.set(f32x4.shuffle(a.get, b.get, high)),
    CD.set(f32x4.shuffle(c.get, d.get, high)),
    columns.map((column, i) => store(i, column)),
  ]
}

/** y f32[count, 4 · vectors] = bias f32[count], the same for all samples. */
export function fillKernel(name: string, vectors: number): Definition {
  return define(name, ['i32', 'i32', 'i32'], (writer) => {
    const [y, bias, count] = writer.parameters
    const splat = writer.local('v128')
    return loopWhile(count.get, [
      splat.set(v128.load32Splat(bias.get)),
      Array.from({ length: vectors }, (_, v) => v128.store(y.get, splat.get, 16 * v)),
      y.set(plus(y.get, 16 * vectors)),
      bias.set(plus(bias.get, 4)),
      count.set(i32.sub(count.get, i32.const(1))),
    ])
  })
}

/** target f32[inputs, 4 · vectors] = a stretch of samples of x, which has the samples of an input one after another, inputs `stride` bytes apart. */
export function packColumnsKernel(name: string, vectors: number): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32'], (writer) => {
    const [x, target, inputs, stride] = writer.parameters
    return loopWhile(inputs.get, [
      Array.from({ length: vectors }, (_, v) => v128.store(target.get, v128.load(x.get, 16 * v), 16 * v)),
      x.set(plus(x.get, stride.get)),
      target.set(plus(target.get, 16 * vectors)),
      inputs.set(i32.sub(inputs.get, i32.const(1))),
    ])
  })
}

/** The way back: `samples` numbers of each of `count` rows of y f32[count, 4 · vectors], to rows `stride` bytes apart. */
export function unpackColumnsKernel(name: string, vectors: number): Definition {
  return define(name, ['i32', 'i32', 'i32', 'i32', 'i32'], (writer) => {
    const [y, target, samples, count, stride] = writer.parameters
    const whole = Array.from({ length: vectors }, (_, v) => v128.store(target.get, v128.load(y.get, 16 * v), 16 * v))
    const [from, to, left] = writer.locals('i32', 3)
    const some = [
      from.set(y.get),
      to.set(target.get),
      left.set(samples.get),
      loopWhile(left.get, [
        f32.store(to.get, f32.load(from.get)),
        from.set(plus(from.get, 4)),
        to.set(plus(to.get, 4)),
        left.set(i32.sub(left.get, i32.const(1))),
      ]),
    ]
    return loopWhile(count.get, [
      either(i32.eq(samples.get, i32.const(4 * vectors)), whole, some),
      y.set(plus(y.get, 16 * vectors)),
      target.set(plus(target.get, stride.get)),
      count.set(i32.sub(count.get, i32.const(1))),
    ])
  })
}
