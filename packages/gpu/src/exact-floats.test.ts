import { type Expression, randomStream, reference } from '@pare/core/backends'
import { expect, test } from 'vitest'
import { onEachAdapter } from './adapters.test.support.js'
import { gpuBackend } from './backend.js'

// Around every power of two that matters: the smallest and largest subnormal, the smallest normal, 1, 2^24, the largest; odd and even last bits.
const BORDERS = [0x1, 0x2, 0x3, 0x7fffff, 0x800000, 0x800001, 0xffffff, 0x1000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fb504f3]
const MORE = [
  0x40490fdb, 0x4b7fffff, 0x4b800000, 0x5f000000, 0x7e967699, 0x7f000000, 0x7f7ffffe, 0x7f7fffff, 0x00400001, 0x3a83126f,
]
const POSITIVE = [...BORDERS, ...MORE]
// The weight is never 0, infinite or NaN: those have saliencies of their own.
const LEFT = POSITIVE.flatMap((bits) => [bits, bits + 2 ** 31])
const RIGHT = [...LEFT, 0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000]

const weight: Expression = { op: 'weight' }
const right: Expression = { op: 'statistic', key: 'right' }
const weights = floatsOf(LEFT.flatMap((bits) => RIGHT.map(() => bits)))
const chunk = { weights, start: 0, stream: randomStream(1, 'w'), stats: { right: floatsOf(LEFT.flatMap(() => RIGHT)) } }

onEachAdapter((gpu) => {
  test.each([
    'add',
    'subtract',
    'multiply',
    'divide',
    'min',
    'max',
    'less',
  ] as const)('%s rounds as IEEE 754 has it, for all pairs of numbers at the borders', async (op) => {
    await expectReference({ op, left: weight, right })
    await expectReference({ op, left: right, right: weight })
  })

  test.each(['sqrt', 'square', 'abs', 'negate'] as const)('%s rounds as IEEE 754 has it', async (op) => {
    await expectReference({ op, of: right })
    await expectReference({ op, of: weight })
  })

  test.each(['exp', 'log', 'tanh'] as const)('%s has the bits of the reference', async (op) => {
    await expectReference({ op, of: right })
    await expectReference({ op, of: weight })
  })

  async function expectReference(expression: Expression): Promise<void> {
    const [mine, theirs] = await Promise.all(
      [gpuBackend(gpu()), reference].map(async (backend) => {
        const target = new Float32Array(weights.length)
        await backend.compile(expression, 'f32').saliency(chunk, target)
        return target
      }),
    )
    const different = [...mine!.keys()].filter((i) => !Object.is(mine![i], theirs![i]))
    expect(different.map((i) => [weights[i], chunk.stats.right[i], mine![i], theirs![i]])).toEqual([])
  }
})

function floatsOf(bits: readonly number[]): Float32Array {
  return new Float32Array(Uint32Array.from(bits).buffer)
}
