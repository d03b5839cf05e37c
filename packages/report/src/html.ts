import { html } from './escape.js'
import type { RunResults } from './results.js'
import { headline } from './statement.js'

/** One self-contained HTML page. */
export function renderHtml(results: RunResults): string {
  return html`<!doctype html><title>Pare: ${headline(results)}</title>`.source
}
