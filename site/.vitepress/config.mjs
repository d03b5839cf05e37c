import { readFileSync } from 'node:fs'
import { linkTo, REPOSITORY, slugOf } from '../pages.mjs'

const groups = JSON.parse(readFileSync(new URL('../pages/menu.json', import.meta.url), 'utf8'))

export default {
  title: 'Pare',
  description: 'Prunes ONNX models, measures what that cost, and fails the pull request that lost too much',
  lang: 'en',
  srcDir: './pages',
  outDir: './dist',
  ignoreDeadLinks: false,
  lastUpdated: false,
  // Nothing in the documents is HTML: '<name>' is a text.
  markdown: {
    html: false,
    anchor: { slugify: slugOf },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: keepCode,
  },
  themeConfig: {
    nav: [
      { text: 'Tasks', link: '/tasks' },
      { text: 'Recipes', link: '/recipes' },
      { text: 'Commands', link: '/packages/cli' },
      { text: 'Action', link: '/packages/action' },
    ],
    // Always open: what the theme folds is a button in a button to those who do not see it.
    sidebar: groups.map(({ text, items }) => ({
      text,
      items: items.map(({ text: title, address }) => ({ text: title, link: linkTo(address) })),
    })),
    outline: { level: [2, 3], label: 'On this page' },
    // Made at build time: no service is asked.
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
    editLink: {
      pattern: ({ frontmatter }) => `https://github.com/pare-dev/pare/edit/main/${frontmatter.file}`,
      text: 'Edit this page',
    },
  },
}

/** `${{ github.token }}` in a line of text is code: Vue computes nothing of it. */
function keepCode(md) {
  const { escapeHtml } = md.utils
  md.renderer.rules.code_inline = (tokens, i) => `<code v-pre>${escapeHtml(tokens[i].content)}</code>`
  // An indented block looks like a fenced one.
  md.renderer.rules.code_block = (tokens, i, options, env, self) => {
    tokens[i].info = 'txt'
    return self.rules.fence(tokens, i, options, env, self)
  }
}
