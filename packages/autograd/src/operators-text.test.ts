import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { operatorsText } from './operators-text.js'

test('the README lists what `npm run operators -w @pare/autograd` writes', () => {
  const text = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8')
  expect(text).toContain(`<!-- operators -->\n${operatorsText()}\n<!-- operators end -->`)
})
