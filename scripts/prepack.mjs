// prepack of every public package: installs and builds what it needs, also in a clean clone, and puts the licence beside it.
import { copyFileSync, readFileSync } from 'node:fs'
import { root, run, setup } from './setup.mjs'

const { name } = JSON.parse(readFileSync('package.json', 'utf8'))
setup({ quiet: true })
run(`${root}node_modules/.bin/turbo`, ['run', 'build', `--filter=${name}`, '--output-logs=errors-only'], { quiet: true })
copyFileSync(`${root}LICENSE`, 'LICENSE')
