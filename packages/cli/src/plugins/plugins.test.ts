import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { readReference } from './plugin-reference.js'
import { resolveCriterion, resolveStructure } from './plugins.js'

const here = { folder: import.meta.dirname, trusted: true }

describe('a plugin reference', () => {
  it.each([
    ['magnitude', { name: 'magnitude', options: {} }],
    ['magnitude:p=2', { name: 'magnitude', options: { p: 2 } }],
    [
      '@acme/criterion-x:a=true,b=false,c=text,d=1e-3,e=',
      { name: '@acme/criterion-x', options: { a: true, b: false, c: 'text', d: 0.001, e: '' } },
    ],
  ])('%s is read', (text, expected) => expect(readReference('criterion', text)).toEqual(expected))

  it('may be an object', () => {
    expect(readReference('criterion', { name: 'magnitude', p: 2 } as { name: string })).toEqual({
      name: 'magnitude',
      options: { p: 2 },
    })
  })

  it.each([':p=2', 'magnitude:p', 'magnitude:=2'])('%s is refused with an example', (text) => {
    expect(() => readReference('criterion', text)).toThrow(text)
  })
})

describe('plugins that come with the CLI', () => {
  it('are found by short and by full name', async () => {
    expect((await resolveCriterion('magnitude', here)).name).toBe('magnitude')
    expect((await resolveCriterion('@pare/criterion-random', here)).name).toBe('random')
    expect(await resolveStructure('2:4', here)).toMatchObject({ name: 'nm', sparsity: 0.5 })
    expect((await resolveStructure('tile:rows=2,columns=8', here)).name).toBe('tile')
    expect((await resolveStructure({ name: 'element' }, here)).name).toBe('element')
  })

  it('are found where nothing is trusted', async () => {
    expect((await resolveCriterion('magnitude:p=2', { folder: '/', trusted: false })).name).toBe('magnitude')
  })

  it('refuse options they do not know', async () => {
    await expect(resolveCriterion('magnitude:q=2', here)).rejects.toMatchObject({
      message: "pare: criterion 'magnitude' has no option 'q' (2).",
      hint: "did you mean 'p'? Its options: p",
    })
    await expect(resolveStructure('element:size=3', here)).rejects.toMatchObject({ hint: 'Its options: none' })
  })

  it('refuse values they do not know', async () => {
    await expect(resolveCriterion('magnitude:p=3', here)).rejects.toThrow('p is 3')
  })
})

describe('a third-party plugin', () => {
  const plugin = `export default function distance({ to = 0 } = {}) {
    return { name: 'distance', needs: {}, saliency: ({ weight }, ops) => ops.abs(ops.subtract(weight, ops.constant(to))) }
  }`
  const manifest = (entry: object) => JSON.stringify({ name: 'x', version: '1.0.0', type: 'module', ...entry })

  it('is resolved from the folder, with an entry for import only too', async () => {
    await using folder = await fixture(undefined, {
      'node_modules/pare-criterion-distance/package.json': manifest({ exports: { '.': { import: './index.js' } } }),
      'node_modules/pare-criterion-distance/index.js': plugin,
      'node_modules/@acme/criterion-far/package.json': manifest({ main: 'index.js' }),
      'node_modules/@acme/criterion-far/index.js': plugin.replace('default function distance', 'function far'),
    })
    const source = { folder: folder.path, trusted: true }
    expect((await resolveCriterion('distance:to=1', source)).name).toBe('distance')
    expect((await resolveCriterion('pare-criterion-distance', source)).name).toBe('distance')
    expect((await resolveCriterion('@acme/criterion-far', source)).name).toBe('distance')
  })

  it('that is not installed is told with what was tried and the command that installs it', async () => {
    await expect(resolveCriterion('hessian', { folder: '/', trusted: true })).rejects.toMatchObject({
      message:
        "pare: criterion 'hessian' not found. Tried @pare/criterion-hessian, pare-criterion-hessian, hessian from /, and what comes with pare: activation, alps, block-influence, gradient, magnitude, osscar, random, sensitivity, sparsegpt, wanda.",
      hint: 'install it: npm install --save-dev pare-criterion-hessian',
    })
  })

  it('is refused where the checkout is not trusted', async () => {
    await expect(resolveCriterion('hessian', { folder: '/', trusted: false })).rejects.toMatchObject({ kind: 'untrusted' })
  })

  it('that is broken or something else is told so', async () => {
    await using folder = await fixture(undefined, {
      'node_modules/pare-criterion-broken/index.js': 'throw new Error("out of order")',
      'node_modules/pare-criterion-broken/package.json': manifest({ main: 'index.js' }),
      'node_modules/pare-criterion-other/index.js': 'export default () => ({ name: "other" })',
      'node_modules/pare-criterion-other/package.json': manifest({ main: 'index.js' }),
      'node_modules/pare-criterion-empty/index.js': 'export const unrelated = 1',
      'node_modules/pare-criterion-empty/package.json': manifest({ main: 'index.js' }),
    })
    const source = { folder: folder.path, trusted: true }
    await expect(resolveCriterion('broken', source)).rejects.toThrow('could not be loaded from')
    await expect(resolveCriterion('other', source)).rejects.toThrow('{"name":"other"} lacks name or needs or saliency')
    await expect(resolveCriterion('empty', source)).rejects.toThrow("neither a default export nor 'empty'")
  })
})
