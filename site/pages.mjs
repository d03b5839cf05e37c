// The pages of the documentation site, made of the documents of the repository. Links between documents become links between pages, links to other
// files lead to the repository, and a link that leads nowhere is an error.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { posix } from 'node:path'

export const REPOSITORY = 'https://github.com/pare-dev/pare'

/** A page: the document it is made of, its address below the root of the site ('packages/cli'), its title and its Markdown. */
/** @typedef {{ file: string, address: string, title: string, markdown: string }} Page */

/**
 * All pages of the repository at `root`, which ends in '/', and images that they show. Throws with every link that leads nowhere.
 * @returns {{ pages: readonly Page[], images: readonly string[] }}
 */
export function pagesOf(root) {
  const addresses = new Map(documentsOf(root).map((file) => [file, addressOf(file)]))
  const texts = new Map([...addresses.keys()].map((file) => [file, readFileSync(root + file, 'utf8')]))
  const anchors = new Map([...texts].map(([file, text]) => [file, anchorsOf(text)]))
  const images = new Set()
  const broken = []
  const pages = [...texts].map(([file, text]) => {
    const link = (target) => {
      const leads = leadsTo(target, { file, root, addresses, anchors })
      if (leads.broken) broken.push(`${file}: ${target}`)
      if (leads.image !== undefined) images.add(leads.image)
      return leads.href
    }
    return { file, address: addresses.get(file), title: titleOf(text, file), markdown: pageText(text, link) }
  })
  if (broken.length > 0) throw new Error(`links that lead nowhere:\n${broken.map((line) => `  ${line}`).join('\n')}`)
  return { pages, images: [...images] }
}

/** Documents that become pages. The plan of the work is for those who work on it. */
function documentsOf(root) {
  const below = (folder) =>
    readdirSync(root + folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'))
  const docs = below('docs').filter((name) => name.endsWith('.md') && name !== 'plan.md')
  const packages = readdirSync(`${root}packages`).map((name) => `packages/${name}/README.md`)
  return [
    ...['README.md', 'CHANGELOG.md', 'bench/README.md', 'test-models/README.md'],
    ...docs.map((name) => `docs/${name}`).sort(),
    ...packages.filter((file) => existsSync(root + file)),
  ]
}

/** 'docs/tasks.md' → 'tasks', 'docs/write-a-plugin/README.md' → 'write-a-plugin/index', 'packages/cli/README.md' → 'packages/cli'. */
export function addressOf(file) {
  if (file === 'README.md') return 'index'
  if (file === 'docs/README.md') return 'docs'
  if (file.startsWith('docs/'))
    return file
      .slice('docs/'.length)
      .replace(/README\.md$/, 'index')
      .replace(/\.md$/, '')
  return file.toLowerCase().replace(/\/readme\.md$|\.md$/, '')
}

function titleOf(text, file) {
  const title = /^# (.*)$/m.exec(text)?.[1]
  if (title === undefined) throw new Error(`${file} has no title; expected a line '# …'`)
  return title.replaceAll('`', '')
}

/** The text as VitePress takes it: without comments, links led, and nothing in it that Vue would compute. */
function pageText(text, link) {
  return outsideCode(text, (part) =>
    part
      .replace(/<!--[\s\S]*?-->\n?/g, '')
      .replaceAll('{{', '&#123;&#123;')
      .replace(/(\]\()([^)\s]+)(?=\))/g, (_, begin, target) => begin + link(target)),
  )
}

/** Fenced blocks, indented ones and inline code stay as they are. */
function outsideCode(text, change) {
  return text
    .split(/(^```[\s\S]*?^```[^\n]*$|`[^`\n]+`)/m)
    .map((part, i) => (i % 2 === 1 ? part : change(part)))
    .join('')
}

function leadsTo(target, { file, root, addresses, anchors }) {
  if (/^[a-z]+:/.test(target)) return { href: target }
  const [path, anchor] = target.split('#')
  const at = path === '' ? file : posix.normalize(posix.join(posix.dirname(file), path)).replace(/\/$/, '')
  const exists = existsSync(root + at) && !at.startsWith('..')
  const isFolder = exists && statSync(root + at).isDirectory()
  const document = isFolder ? `${at}/README.md` : at
  const address = addresses.get(document)
  if (address !== undefined) {
    const broken = anchor !== undefined && !anchors.get(document).has(anchor)
    return { href: `${linkTo(address)}${anchor === undefined ? '' : `#${anchor}`}`, broken }
  }
  if (/\.(png|svg|jpg)$/.test(at)) return { href: `/${at}`, image: at, broken: !exists }
  return {
    href: `${REPOSITORY}/${isFolder ? 'tree' : 'blob'}/main/${at}${anchor === undefined ? '' : `#${anchor}`}`,
    broken: !exists,
  }
}

/** Below the root of the site, wherever that is. */
export function linkTo(address) {
  return `/${address.replace(/(^|\/)index$/, '$1')}`
}

/** What can be linked to in a text: its headings, as GitHub names them. */
function anchorsOf(text) {
  const seen = new Map()
  const names = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.*)$/gm)].map(([, heading]) => {
    const slug = slugOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, ''))
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  })
  return new Set(names)
}

/** The name of a heading in a link, as GitHub makes it: the same links hold in both places. */
export function slugOf(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}

/** What language models are told of the site (llmstxt.org): a line for each page. `origin` ends without '/'. */
export function llmsText(pages, groups, origin) {
  const [home] = pages
  const line = ({ address, title, markdown }) => `- [${title}](${origin}${linkTo(address)}): ${firstSentence(markdown)}`
  const byAddress = new Map(pages.map((page) => [page.address, page]))
  const sections = groups.map(
    ({ text, items }) => `## ${text}\n\n${items.map(({ address }) => line(byAddress.get(address))).join('\n')}\n`,
  )
  return `# ${home.title}\n\n> ${firstSentence(home.markdown)}\n\n${sections.join('\n')}`
}

function firstSentence(markdown) {
  const paragraph = markdown.split(/\n\s*\n/).find((part) => /^[\p{L}`*[]/u.test(part.trim()))
  const plain = (paragraph ?? '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\s+/g, ' ')
    .trim()
  return /^.*?[.:](?= |$)/.exec(plain)?.[0].replace(/:$/, '.') ?? plain
}

/** The groups of the menu, in order: every page stands in one of them. */
export function groupsOf(pages) {
  const left = new Map(pages.map((page) => [page.address, page]))
  const take = (addresses) =>
    addresses.flatMap((address) => {
      const page = left.get(address)
      left.delete(address)
      return page === undefined ? [] : [{ text: page.title, address }]
    })
  const all = (pattern) => take([...left.keys()].filter((address) => pattern.test(address)))
  const named = [
    ['Begin', () => take(['index', 'docs', 'gallery', 'tasks', 'pruning-step-by-step', 'recipes', 'glossary'])],
    ['How to', () => take(['calibration', 'language-models', 'many-machines', 'security'])],
    ['Commands and Action', () => take(['packages/cli', 'packages/action', 'packages/report', 'packages/gate'])],
    ['What is supported', () => take(['support', 'language-support', 'test-models', 'bench'])],
    [
      'Write a plugin',
      () => [
        ...take(['write-a-plugin/index']),
        ...all(/^write-a-plugin\//),
        ...take(['packages/create-pare-plugin', 'packages/testing']),
      ],
    ],
    ['Criteria', () => all(/^packages\/criterion-/)],
    ['Structures', () => all(/^packages\/structure-/)],
    ['Presets', () => all(/^packages\/preset-/)],
    ['Metrics', () => all(/^packages\/metric/)],
    ['Other packages', () => all(/^packages\//)],
    ['Decisions', () => all(/^decisions\//)],
    ['Project', () => [...take(['changelog']), ...all(/./)]],
  ]
  return named.map(([text, items]) => ({ text, items: items() })).filter(({ items }) => items.length > 0)
}
