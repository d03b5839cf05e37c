// npm run site: writes the documentation site to site/dist, without a network. The command line must be built: it makes the reports of
// the gallery. With --pages only what VitePress takes, without them; with --base=/ for a server that shows it at its root.
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GALLERY, makeReports, withLinks } from './gallery.mjs'
import { groupsOf, llmsText, pagesOf } from './pages.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const here = fileURLToPath(new URL('./', import.meta.url))
/** Where the site is published. */
const SITE = new URL('https://pare-dev.github.io/pare/')

const onlyPages = process.argv.includes('--pages')
const { pages, images } = pagesOf(root)
rmSync(`${here}pages`, { recursive: true, force: true })
for (const { address, file, markdown } of pages) {
  const text = address === GALLERY && !onlyPages ? withLinks(markdown) : markdown
  put(`${address}.md`, `---\nfile: ${file}\n---\n\n${text}`)
}
for (const image of images) {
  mkdirSync(dirname(`${here}pages/public/${image}`), { recursive: true })
  cpSync(root + image, `${here}pages/public/${image}`)
}
put('public/llms.txt', llmsText(pages, groupsOf(pages), SITE.href.replace(/\/$/, '')))
put('public/llms-full.txt', pages.map(({ markdown }) => markdown.trim()).join('\n\n---\n\n'))
put('menu.json', JSON.stringify(groupsOf(pages)))
if (!onlyPages) {
  makeReports(root, `${here}pages/public/${GALLERY}`)
  const { build } = await import('vitepress')
  await build(here, { base: process.argv.find((word) => word.startsWith('--base='))?.slice('--base='.length) ?? SITE.pathname })
  // VitePress goes on where a page cannot be rendered.
  const absent = pages.filter(({ address }) => !existsSync(`${here}dist/${address}.html`)).map(({ file }) => file)
  if (absent.length > 0) throw new Error(`not rendered: ${absent.join(', ')}; the reason stands above`)
}

function put(name, text) {
  const path = `${here}pages/${name}`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text.endsWith('\n') ? text : `${text}\n`)
}
