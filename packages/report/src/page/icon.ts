import { html, Markup } from '../escape.js'
import type { RunResults } from '../results/results.js'

type Verdict = RunResults['verdict']

/** Differ in outline, not in colour alone: a disc with a tick, an octagon with a cross, a triangle with an exclamation mark. */
const SHAPES: Record<Verdict, string> = {
  pass: '<circle cx="12" cy="12" r="11"/><path d="m6.8 12.6 3.5 3.5 7-7.6"/>',
  fail: '<path d="M7.4 1h9.2L23 7.4v9.2L16.6 23H7.4L1 16.6V7.4z"/><path d="m8 8 8 8m0-8-8 8"/>',
  incomplete: '<path d="M12 1.6 23.4 22H.6z"/><path d="M12 9v6m0 3v.6"/>',
}

const COLOURS: Record<Verdict, string> = { pass: '#15803d', fail: '#c52a1f', incomplete: '#b7791f' }

/** A drawing that takes its colours from the page. */
export function icon(verdict: Verdict): Markup {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${new Markup(SHAPES[verdict])}</svg>`
}

/** The same for the browser's tab. */
export function iconUrl(verdict: Verdict): string {
  const [outline, sign] = SHAPES[verdict].split('/>')
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${outline} fill="${COLOURS[verdict]}"/>${sign} fill="none" stroke="#fff" stroke-width="2.6"/></svg>`
  return `data:image/svg+xml,${encodeURIComponent(drawing)}`
}
