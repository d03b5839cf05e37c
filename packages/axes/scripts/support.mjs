import { writeFileSync } from 'node:fs'
import { supportTable } from '../dist/dependency/rules/support.js'

writeFileSync(new URL('../../../docs/support.md', import.meta.url), supportTable())
