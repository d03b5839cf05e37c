import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder, testModel } from '../fixture.test.files.js'
import { evaluate } from '../measure/evaluate.js'

const folder = temporaryFolder()
const child = fileURLToPath(new URL('../../dist/child/', import.meta.url))
const data = put(
  folder,
  'one.npz',
  npzBytes({ input: array('float32', [1, 64], new Array(64).fill(0)), label: array('uint8', [1], [0]) }),
)
const measured = (text: string) =>
  evaluate({ model: testModel('mlp-digits.onnx'), data, metrics: ['own'], modules: { own: put(folder, 'own.mjs', text) } })

/** What a file imports at once, and what when it needs it. */
const IMPORTED = /^(?:import|export)\b[^'"]*?['"]([^'"]+)['"];$|\bimport\(\s*['"]([^'"]+)['"]/gm

test('the bundle of the child loads nothing but Node and what package.json names', () => {
  const { dependencies } = JSON.parse(readFileSync(join(child, '../../package.json'), 'utf8')) as { dependencies: object }
  const texts = readdirSync(child).flatMap((file) => (file.endsWith('.js') ? [readFileSync(join(child, file), 'utf8')] : []))
  const imported = texts.flatMap((text) => [...text.matchAll(IMPORTED)].map(([, fixed, late]) => fixed ?? late!))
  expect(imported).toEqual(expect.arrayContaining(['@pare/onnx/error', '@pare/gpu/session', 'csv-parse']))
  const packages = imported.filter((name) => !isBuiltin(name) && !name.startsWith('./'))
  const names = packages.map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'))
  expect(names.filter((name) => !Object.hasOwn(dependencies, name))).toEqual([])
})

test('the bundle has the licence of each library in it', () => {
  const licences = readFileSync(join(child, 'licenses.txt'), 'utf8')
  for (const name of ['@bufbuild/protobuf', 'onnx-buf', 'zod']) expect(licences).toContain(`${name} `)
})

// A plugin imports packages that the bundle has inside.
test('a PareError that a plugin throws is one in the child, too, and anything else is a bug of the plugin', async () => {
  const onnx = new URL('../../../onnx/dist/index.js', import.meta.url).href
  const throws = (what: string) => `import { PareError } from ${JSON.stringify(onnx)}
    export default function own() { throw ${what} }`
  await expect(measured(throws("new PareError('a word is missing', { hint: 'say one.' })"))).rejects.toMatchObject({
    name: 'PareError',
    message: "metric 'own': a word is missing",
    hint: 'say one.',
  })
  await expect(measured(throws("new TypeError('own fell over')"))).rejects.toMatchObject({
    message: "metric 'own' refused its options: own fell over",
  })
})
