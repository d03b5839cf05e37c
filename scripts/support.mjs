// npm run support: writes docs/support.md from the tables of rules.
import { writeFileSync } from 'node:fs'
import { supportTable } from '../packages/autograd/dist/support/support.test.support.js'

writeFileSync(new URL('../docs/support.md', import.meta.url), supportTable())
