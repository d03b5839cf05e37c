import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withTables } from '@pare/cli/options'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { inputsMarkdown, inputTable, withInputs } from './input-table.js'
import { repository } from './testing/action-yml.js'

const yml = join(repository, 'action.yml')
const readme = join(repository, 'packages/action/README.md')

it('action.yml declares the inputs of the table; if not: npm run generate -w @pare/action', async () => {
  const written = withInputs(readFileSync(yml, 'utf8'))
  expect((parse(written) as { inputs: unknown }).inputs).toEqual(inputTable())
  await expect(written).toMatchFileSnapshot(yml)
})

it('the README shows them', async () => {
  await expect(withTables(readFileSync(readme, 'utf8'), { inputs: inputsMarkdown() })).toMatchFileSnapshot(readme)
})
