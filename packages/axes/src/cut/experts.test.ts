import { describe, expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { type Tiny, tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { listed, odd, SIZES } from './cases.test.support.js'
import { cut } from './cut.js'
import { gated } from './gated.js'

/** x f32[N, S, 5] to the width 6, a router on it among 8 experts of `units` hidden ones, and back to 3. */
interface Mixture {
  readonly attributes?: string
  /** Default: [4, 6, 4], as [rows of the first weight, of the second, its columns] */
  readonly sizes?: readonly [rows: number, width: number, units: number]
  readonly experts?: number
  /** Names behind the first weight. Default: biases for both weights */
  readonly operands?: string
  readonly router?: string
  readonly constants?: string
}

function mixture({ attributes = '', sizes = [4, 6, 4], experts = 8, operands, router, constants = '' }: Mixture = {}): Tiny {
  const [rows, width, units] = sizes
  return {
    inputs: 'float[N, S, 5] x',
    constants: `float[5, 6] u, float[6, ${experts}] r, float[${experts}] c, float[${experts}, ${rows}, 6] f, float[${experts}, ${rows}] g,
      float[${experts}, ${width}, ${units}] s, float[${experts}, ${width}] t, float[6, 3] v, int64[2] flat = {-1, 6}${constants && `, ${constants}`}`,
    nodes: `h = MatMul(x, u)\n i = Reshape(h, flat)\n l = MatMul(i, r)\n ${router ?? 'p = Add(l, c)'}
      m = com.microsoft.MoE<${attributes || 'k = 2'}>(h, p, f, ${operands ?? 'g, s, t'})\n k = Add(h, m)\n y = MatMul(k, v)`,
  }
}

interface MixtureCase {
  readonly model: Tiny
  readonly groups: string
  readonly held?: Readonly<Record<string, string>>
}

const CASES: Readonly<Record<string, MixtureCase>> = {
  'two of 8 experts': { model: mixture(), groups: 'u:1 6, r:1 8, f:1 4' },
  'shares that are made to add up to 1': {
    model: mixture({ attributes: 'k = 3, normalize_routing_weights = 1, activation_type = "gelu"' }),
    groups: 'u:1 6, r:1 8, f:1 4',
  },
  'without biases': {
    model: mixture({ attributes: 'k = 1, activation_type = "silu"', operands: ', s' }),
    groups: 'u:1 6, r:1 8, f:1 4',
  },
  'gates and units in turn, as SwiGLU has them': {
    model: mixture({ attributes: 'k = 2, activation_type = "swiglu", swiglu_fusion = 1', sizes: [8, 6, 4] }),
    groups: 'u:1 6, r:1 8, f:1 4',
  },
  'all experts for every token': {
    model: mixture({ attributes: 'k = 8' }),
    groups: 'u:1 6, f:1 4',
    held: { 'r:1': "MoE 'm' chooses 8 of its positions" },
  },
  'a router whose Softmax was taken before': {
    model: mixture({ router: 'q = Add(l, c)\n p = Softmax(q)' }),
    groups: 'u:1 6, r:1 8, f:1 4',
  },
}

/** Four of 8 experts go, and half of everything else. */
describe('a mixture of experts in one node', () => {
  test.each(Object.entries(CASES))('%s', async (_, { model, groups, held = {} }) => {
    const parsed = tinyModel(model)
    const coupling = await findCoupling(parsed)
    expect(listed(coupling)).toBe(groups)
    for (const [id, reason] of Object.entries(held))
      expect(`${id}: ${coupling.groups.find((group) => group.id === id)?.held}`).toBe(`${id}: ${reason}`)
    const all = odd(coupling)
    for (const removals of [all, ...[...all].map((one) => new Map([one]))]) {
      const [expected, actual] = [gated, cut].map((make) => make(parsed, coupling.dependencies, removals))
      expect(await difference(expected!, actual!, SIZES)).toBeLessThan(1e-5)
    }
  })

  test('as many experts as are chosen stay', async () => {
    const { groups } = await findCoupling(tinyModel(mixture({ attributes: 'k = 3' })))
    expect(groups.map(({ id, least }) => [id, least]).filter(([, least]) => least !== undefined)).toEqual([['r:1', 3]])
  })

  test('in weights of the older order, [experts, in, out], only experts are cut', async () => {
    const tiny = mixture({ operands: 's, t' })
    const old = {
      ...tiny,
      constants: tiny.constants.replace('float[8, 4, 6] f', 'float[8, 6, 4] f').replace('float[8, 6, 4] s', 'float[8, 4, 6] s'),
    }
    expect(listed(await findCoupling(tinyModel({ ...old, nodes: old.nodes.replace('s, t', ', s') })))).toBe('r:1 8')
  })
})
