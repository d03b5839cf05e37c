// npm run schema -w @pare/report (after a build): writes schema/results.schema.json. A test fails while it is not current.
import { writeFileSync } from 'node:fs'
import { resultsJsonSchema } from '../dist/index.js'

writeFileSync(new URL('../schema/results.schema.json', import.meta.url), `${JSON.stringify(resultsJsonSchema(), null, 2)}\n`)
