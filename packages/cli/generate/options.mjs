// Writes what is made of the table of options: the JSON Schema of configs, and the tables of the README; and the tables of tasks and recipes.
import { readFile, writeFile } from 'node:fs/promises'
import { configJsonSchema } from '../dist/options/json-schema.js'
import { optionTables, withTables } from '../dist/options/tables.js'
import { describeFirstParty } from '../dist/plugins/first-party-descriptions.js'
import { recipeTable } from '../dist/recipes/table.js'
import { taskTable } from '../dist/testing/tasks/table.js'

await writeFile(
  new URL('../schema/config.schema.json', import.meta.url),
  `${JSON.stringify(configJsonSchema(await describeFirstParty()), null, 2)}\n`,
)
const readme = new URL('../README.md', import.meta.url)
await writeFile(readme, withTables(await readFile(readme, 'utf8'), optionTables()))
const tasks = new URL('../../../docs/tasks.md', import.meta.url)
await writeFile(tasks, withTables(await readFile(tasks, 'utf8'), { tasks: await taskTable() }))
const recipes = new URL('../../../docs/recipes.md', import.meta.url)
await writeFile(recipes, withTables(await readFile(recipes, 'utf8'), { recipes: recipeTable() }))
