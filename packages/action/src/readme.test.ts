import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readActionYml, repository } from './testing/action-yml.js'

const readme = readFileSync(join(repository, 'packages/action/README.md'), 'utf8')

/** The first column of the table under a heading: `name`. */
function rows(heading: string): { name: string; default: string }[] {
  const section = readme.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return [...section.matchAll(/^\| `([\w-]+)` *\| *(.*?) *\|/gm)].map(([, name = '', second = '']) => ({
    name,
    default: second.trim(),
  }))
}

describe('the README', () => {
  it('has a row for each input, with its default', () => {
    const written = Object.entries(readActionYml().inputs).map(([name, { default: text }]) => ({
      name,
      default: text === undefined ? '' : `\`${text}\``,
    }))
    expect(rows('Inputs')).toEqual(written)
  })

  it('has a row for each output', () => {
    expect(rows('Outputs').map(({ name }) => name)).toEqual(Object.keys(readActionYml().outputs))
  })

  it('shows workflows that are YAML and use inputs that there are', () => {
    const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
    expect(blocks.length).toBeGreaterThanOrEqual(3)
    const names = Object.keys(readActionYml().inputs)
    for (const text of blocks) {
      for (const step of stepsIn(parse(text))) expect(names).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})))
    }
  })
})

interface Step {
  readonly uses?: string
  readonly with?: Readonly<Record<string, string>>
}

/** Our steps, wherever they stand in the document. */
function stepsIn(value: unknown): Step[] {
  if (typeof value !== 'object' || value === null) return []
  const own = 'uses' in value && typeof value.uses === 'string' && value.uses.includes('pare@') ? [value as Step] : []
  return [...own, ...Object.values(value).flatMap(stepsIn)]
}
