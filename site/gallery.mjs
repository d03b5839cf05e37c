// The reports of docs/gallery.md, made by running its commands with the built command line.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The page of the site that shows them. */
export const GALLERY = 'gallery'

/** Each command of the gallery: its words behind `npx pare`, the exit code that it must have, and the folder of its report. */
export function commandsOf(markdown) {
  return [...markdown.matchAll(/```sh exit=(\d)\nnpx pare (.*)\n```/g)].map(([block, code, line]) => {
    const words = line.split(' ')
    return { block, words, code: Number(code), name: words[words.indexOf('--out') + 1] }
  })
}

/** Runs the commands, and puts report `name` at `folder`/name.html. Throws where one ends otherwise than it says. */
export function makeReports(root, folder) {
  const commands = commandsOf(readFileSync(`${root}docs/gallery.md`, 'utf8'))
  if (commands.length === 0) throw new Error('docs/gallery.md has no command; expected ```sh exit=0 and npx pare …')
  const place = mkdtempSync(join(tmpdir(), 'pare-gallery-'))
  try {
    symlinkSync(`${root}test-models`, join(place, 'test-models'), 'junction')
    mkdirSync(folder, { recursive: true })
    for (const { words, code, name } of commands) {
      const { status, stderr } = spawnSync(process.execPath, [`${root}packages/cli/bin/pare.js`, ...words, '--quiet'], {
        cwd: place,
        encoding: 'utf8',
      })
      if (status !== code) throw new Error(`docs/gallery.md: '${words.join(' ')}' ended with ${status}, not ${code}: ${stderr}`)
      copyFileSync(join(place, name, 'report.html'), join(folder, `${name}.html`))
    }
    return commands.map(({ name }) => name)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** The page, with a link to its report behind each command. VitePress leaves a link with a target to the browser. */
export function withLinks(markdown) {
  return commandsOf(markdown).reduce(
    (text, { block, name }) => text.replace(block, `${block}\n\n[See the report](/${GALLERY}/${name}.html){target="_self"}`),
    markdown,
  )
}
