import { createHash } from 'node:crypto'
import { html, Markup } from '../escape.js'

export interface Page {
  readonly title: string
  readonly style: string
  /** Runs once the body is there. Default: none */
  readonly script?: string
  /** The page's icon as a data URL. Default: none */
  readonly icon?: string
  readonly body: Markup
}

/**
 * A self-contained page. It loads nothing, and its content security policy names the hashes of its own style and script, so that text from a model could
 * not run if it got through escaping.
 */
export function page({ title, style, script, icon, body }: Page): string {
  const scripts = script === undefined ? '' : ` script-src '${hash(script)}';`
  const images = icon === undefined ? '' : ' img-src data:;'
  const policy = `default-src 'none'; style-src '${hash(style)}';${scripts}${images} base-uri 'none'; form-action 'none'`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title} – Pare</title>
${icon !== undefined && html`<link rel="icon" href="${icon}">\n`}<style>${new Markup(style)}</style>
</head>
<body>
${body}
${script !== undefined && html`<script>${new Markup(script)}</script>\n`}</body>
</html>
`.source
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
