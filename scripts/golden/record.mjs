// One case: its commands in a folder of its own, and what they print, return and write, without what changes from run to run.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join, relative } from 'node:path'

const TEXT = /\.(json|md|html|ya?ml|ts)$/

/** Runs a case in each of its styles, and writes what came of it into `out`/name. */
export async function record({ name, commands, styles, bench }, { cli, work, out }) {
  mkdirSync(join(out, name), { recursive: true })
  for (const style of styles) {
    const folder = join(work, `${style}-${name.replaceAll('/', '-')}`)
    mkdirSync(folder)
    const plain = (text) => normal(text, { cli, work, bench })
    let transcript = ''
    for (const command of commands) transcript += plain(await run(command, style, { cli, folder }))
    writeFileSync(join(out, name, `${style}.txt`), transcript)
    if (style === styles[0]) keep(folder, join(out, name), plain)
  }
}

/** `command > file` writes what it prints into a file, for the commands after it. */
function run(command, style, { cli, folder }) {
  const [line, target] = command.split(' > ')
  const args = [...line.split(' ').filter(Boolean), ...(style === 'json' || target ? ['--json'] : [])]
  return new Promise((done) => {
    const options = { cwd: folder, maxBuffer: 2 ** 28, env: { ...process.env, NO_COLOR: '1', CI: '1', COLUMNS: '120' } }
    execFile(process.execPath, [cli, ...args], options, (error, stdout, stderr) => {
      if (target) writeFileSync(join(folder, target), stdout)
      done(
        `$ pare ${args.join(' ')}\nexit ${error ? (error.code ?? error.signal) : 0}\n--- stdout\n${stdout}--- stderr\n${stderr}\n`,
      )
    })
  })
}

/** Texts as they are; of other files, models among them, only the hash and the size. */
function keep(folder, out, plain) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const hashes = files.flatMap((entry) => {
    const path = relative(folder, join(entry.parentPath, entry.name))
    const bytes = readFileSync(join(folder, path))
    // The state of a training says how long its steps take.
    if (path.endsWith('.training')) return [`${path}\n`]
    if (!TEXT.test(path)) return [`${createHash('sha256').update(bytes).digest('hex')} ${bytes.length} ${path}\n`]
    mkdirSync(dirname(join(out, 'files', path)), { recursive: true })
    writeFileSync(join(out, 'files', path), plain(bytes.toString()))
    return []
  })
  if (hashes.length > 0) writeFileSync(join(out, 'sha256.txt'), hashes.sort().join(''))
}

/** A text without times, memory, places and names of machines; of `bench` only the shape, since all its numbers are times. */
export function normal(text, { cli, work, bench }) {
  const plain = text
    .replaceAll(work, '<work>')
    .replaceAll(dirname(dirname(dirname(dirname(cli)))), '<pare>')
    .replaceAll(cpus()[0]?.model ?? '<cpu>', '<cpu>')
    .replaceAll(process.version, '<node>')
    .replace(/("(?:durationMs|peakMemoryBytes|msPerStep|\w*[sS]econds|\w+Ms|\w+Us)": ?)[\d.e+-]+/g, '$10')
    .replace(/\d[\d.,]*\s(ms|s|min|h)\b(\s\d+\ss\b)?/g, '<time>')
    // Told every few seconds.
    .replace(/^.*: (\d+ %|step \d+ of .*)\n/gm, '')
  return bench
    ? plain
        .replace(/(?<![\w<-]|exit )-?\d[\d.,e+-]*/g, '#')
        .replace(/(#× )?(no difference( beyond noise)?|faster|slower)/g, '<verdict>')
        .replace(/ {2,}/g, '  ')
    : plain
}
