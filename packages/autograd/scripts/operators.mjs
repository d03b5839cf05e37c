// npm run operators -w @pare/autograd: writes the list of operators into the README.
import { readFileSync, writeFileSync } from 'node:fs'
import { operatorsText } from '../dist/operators-text.js'

const path = new URL('../README.md', import.meta.url)
const [before, , after] = readFileSync(path, 'utf8').split(/<!-- operators(?: end)? -->\n/)
writeFileSync(path, `${before}<!-- operators -->\n${operatorsText()}\n<!-- operators end -->\n${after}`)
