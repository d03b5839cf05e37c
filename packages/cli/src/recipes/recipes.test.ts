import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configOf } from '../commands/recipe.js'
import { configSchema } from '../options/config.js'
import { withTables } from '../options/tables.js'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
import { RECIPES } from './recipes.js'
import { recipeTable } from './table.js'

const DOC = readFileSync(new URL('../../../../docs/recipes.md', import.meta.url), 'utf8')

describe('recipes', () => {
  it.each(RECIPES)('$name is a config that pare reads, and its gate holds what it measured', (recipe) => {
    expect(configSchema.safeParse(configOf(recipe)).error).toBeUndefined()
    expect(recipe.measured.length).toBeGreaterThan(0)
  })

  it('are listed with what they made', async () => {
    const { stdout } = await pare(['recipe'], { cwd: '/' })
    for (const { name, measured } of RECIPES) {
      expect(stdout).toContain(`${name}\n  for       `)
      for (const { model } of measured) expect(stdout).toContain(`${model}: `)
    }
  })

  it('are printed as YAML and as JSON, the same config', async () => {
    for (const recipe of RECIPES) {
      const yaml = await pare(['recipe', recipe.name], { cwd: '/' })
      const json = await pare(['recipe', recipe.name, '--format', 'json'], { cwd: '/' })
      expect(parse(yaml.stdout)).toEqual(configOf(recipe))
      expect(JSON.parse(json.stdout)).toEqual(configOf(recipe))
    }
  })

  it('run as they are printed, once the files are there', async () => {
    await using folder = await fixture()
    const { stdout } = await pare(['recipe', 'mobile-cnn'], { cwd: folder.path })
    await writeFile(join(folder.path, 'pare.config.yaml'), stdout)
    // Of the files that it names only the model is here, and all that are missing are told at once.
    const { exitCode, stderr } = await pare(['run'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('evaluate.data')
    expect(stderr).toContain('calibrate: calibration data')
  })

  it('has no other names', async () => {
    const { exitCode, stderr } = await pare(['recipe', 'mobile-cn'], { cwd: '/' })
    expect(exitCode).toBe(2)
    expect(stderr).toContain("there is no recipe 'mobile-cn'")
    expect(stderr).toContain("did you mean 'mobile-cnn'?")
  })
})

describe('docs/recipes.md', () => {
  it('has the figures of the recipes', () => {
    expect(withTables(DOC, { recipes: recipeTable() })).toBe(DOC)
  })

  it('names every recipe', () => {
    for (const { name } of RECIPES) expect(DOC).toContain(`pare recipe ${name}`)
  })
})
