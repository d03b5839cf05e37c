import { expect, expectTypeOf, test } from 'vitest'
import { definePlugin, type OptionsOf, z } from './index.js'

const plugin = definePlugin({
  name: 'sample',
  about: 'A sample.',
  options: {
    share: z.number().min(0).max(1).default(0.5).describe('how much'),
    above: z.number().gt(0).default(1).describe('more than nothing'),
    count: z.int().min(1).optional().describe('how many; left out, all'),
    block: z.int().min(4).multipleOf(4).default(16).describe('columns at a time'),
    kind: z.enum(['mean', 'max', 'sum']).default('mean').describe('what is made of it'),
    power: z.literal([1, 2]).default(1).describe('what it is raised to'),
    whole: z.boolean().default(false).describe('whether all of it'),
    limits: z
      .union([z.boolean(), z.object({ seconds: z.number() })])
      .default(false)
      .describe('how long')
      .meta({ expected: 'true, false or limits such as { seconds: 10 }' }),
  },
  create: (options, name) => ({ ...options, name }),
})

type Options = OptionsOf<typeof plugin>

test('options are typed, and complete where the plugin is made', () => {
  expectTypeOf<Options['kind']>().toEqualTypeOf<'mean' | 'max' | 'sum' | undefined>()
  expectTypeOf(plugin().share).toEqualTypeOf<number>()
  expect(plugin()).toEqual({
    ...{ name: 'sample', share: 0.5, above: 1, block: 16, kind: 'mean', power: 1, whole: false, limits: false },
  })
  expect(plugin({ share: 1, count: 3 })).toMatchObject({ share: 1, count: 3 })
  expect([plugin.name, plugin.about]).toEqual(['sample', 'A sample.'])
})

test('what is expected is said in words', () => {
  expect(plugin.options.map(({ name, expected, standard, example }) => [name, expected, standard, example])).toEqual([
    ['share', 'a number from 0 to 1', '0.5', '0.5'],
    ['above', 'a number above 0', '1', '1'],
    ['count', 'a whole number from 1 on', undefined, '1'],
    ['block', 'a multiple of 4', '16', '16'],
    ['kind', 'mean, max or sum', 'mean', 'mean'],
    ['power', '1 or 2', '1', '1'],
    ['whole', 'true or false', 'false', 'false'],
    ['limits', 'true, false or limits such as { seconds: 10 }', 'false', 'false'],
  ])
  expect(plugin.options[2]?.help).toBe('how many; left out, all')
})

test.each<[Readonly<Record<string, unknown>>, string, string]>([
  [{ share: 2 }, 'sample: share is 2; a number from 0 to 1 was expected.', 'sample:share=0.5 is the default.'],
  [{ share: Number.NaN }, 'sample: share is NaN; a number from 0 to 1 was expected.', 'sample:share=0.5 is the default.'],
  [{ share: 'much' }, 'sample: share is "much"; a number from 0 to 1 was expected.', 'sample:share=0.5 is the default.'],
  [{ count: 0 }, 'sample: count is 0; a whole number from 1 on was expected.', 'sample:count=1'],
  [{ block: 6 }, 'sample: block is 6; a multiple of 4 was expected.', 'sample:block=16 is the default.'],
  [{ kind: 'toString' }, 'sample: kind is "toString"; mean, max or sum was expected.', 'sample:kind=mean is the default.'],
  [{ limits: 5 }, 'sample: limits is 5; true, false or limits such as { seconds: 10 } was expected.', 'sample:limits=false'],
  [
    { limits: { seconds: 1, minutes: 2 } },
    "sample: nothing reads 'minutes' of limits; one of seconds was expected.",
    'leave it out',
  ],
  [{ limits: { seconds: 1, secnods: 2 } }, "sample: nothing reads 'secnods' of limits; 'seconds' was expected.", 'leave it out'],
  [
    { shaer: 1 },
    "sample has no option 'shaer' (1).",
    "did you mean 'share'? its options: share, above, count, block, kind, power, whole, limits",
  ],
  [{ constructor: 1 }, "sample has no option 'constructor' (1).", 'its options: share'],
])('%j is refused', (options, message, hint) => {
  expect(() => plugin(options as Options)).toThrowError(
    expect.objectContaining({ name: 'PareError', message, hint: expect.stringContaining(hint) }),
  )
})

test('a plugin without options takes none', () => {
  const plain = definePlugin({ name: 'plain', about: 'Nothing to set.', create: () => ({}) })
  expect(plain.options).toEqual([])
  expect(() => plain({ a: 1 } as never)).toThrow("plain has no option 'a' (1).")
})

test('a definition says nothing that nobody reads', () => {
  const define = (definition: object) =>
    definePlugin({ name: 'plain', about: 'Nothing to set.', create: () => ({}), ...definition })
  expect(() => define({ option: {} })).toThrow("the definition of plugin 'plain' has a member 'option'; 'options' was expected.")
  expect(() => define({ version: 2 })).toThrow("has a member 'version'; one of name, about, options, create was expected.")
})
