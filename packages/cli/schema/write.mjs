import { writeFile } from 'node:fs/promises'
import { configJsonSchema } from '../dist/settings/config-schema.js'

await writeFile(new URL('config.schema.json', import.meta.url), `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
