/// <reference lib="dom" />

/** What runs in the page, which carries the source of these functions: nothing outside each of them exists there. */
export const pageScript = [sortTables, nameLayers, offerDownload].map((one) => `(${one})();`).join('\n')

/** Turns the headings of tables into buttons that sort. */
function sortTables(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>('table.sortable')) sortable(table)

  function sortable(table: HTMLTableElement) {
    const heads = [...table.tHead!.rows[0]!.cells]
    for (const [column, head] of heads.entries()) {
      const button = document.createElement('button')
      button.type = 'button'
      button.append(...head.childNodes)
      head.append(button)
      button.addEventListener('click', () => {
        const ascending = head.getAttribute('aria-sort') !== 'ascending'
        for (const other of heads) other.removeAttribute('aria-sort')
        head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending')
        const body = table.tBodies[0]!
        body.append(...[...body.rows].sort((a, b) => compare(a.cells[column]!, b.cells[column]!, ascending ? 1 : -1)))
      })
    }
  }

  function compare(a: HTMLTableCellElement, b: HTMLTableCellElement, sign: number): number {
    if (!a.classList.contains('number')) return sign * a.textContent!.localeCompare(b.textContent!, 'en', { numeric: true })
    const [x, y] = [a.dataset.value, b.dataset.value]
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined)
    return sign * (Number(x) - Number(y))
  }
}

/** Names the layer under the pointer or the keyboard, and makes bars as wide as their layer has weights. */
function nameLayers(): void {
  for (const figure of document.querySelectorAll<HTMLElement>('figure.shares')) chart(figure)

  function chart(figure: HTMLElement) {
    const bars = [...figure.querySelectorAll<SVGGElement>('g')]
    const readout = figure.querySelector('.readout')!
    const plot = figure.querySelector<HTMLElement>('.bars')!
    const resting = readout.textContent
    const select = (bar: SVGGElement | undefined) => {
      for (const one of bars) one.classList.toggle('selected', one === bar)
      readout.textContent = bar?.dataset.text ?? resting
    }
    for (const bar of bars) bar.addEventListener('pointerenter', () => select(bar))
    plot.addEventListener('pointerleave', () => select(undefined))
    plot.addEventListener('keydown', (event) => {
      const now = bars.findIndex((bar) => bar.classList.contains('selected'))
      const next = { ArrowRight: now + 1, ArrowLeft: now < 0 ? bars.length - 1 : now - 1, Home: 0, End: bars.length - 1 }[
        event.key
      ]
      if (next !== undefined) {
        event.preventDefault()
        select(bars[Math.max(0, Math.min(bars.length - 1, next))])
      } else if (event.key === 'Escape') select(undefined)
    })
    const label = figure.querySelector<HTMLElement>('label')!
    label.hidden = false
    label
      .querySelector('input')!
      .addEventListener('change', (event) => widen(figure, bars, (event.target as HTMLInputElement).checked))
  }

  function widen(figure: HTMLElement, bars: readonly SVGGElement[], byWeights: boolean) {
    const slots = Number(figure.querySelector<SVGElement>('.canvas')!.dataset.slots)
    const sizes = bars.map((bar) => (byWeights ? Number(bar.dataset.elements) : 1))
    const whole = byWeights ? sizes.reduce((sum, size) => sum + size, 0) : slots
    let x = 0
    for (const [i, bar] of bars.entries()) {
      const width = (100 * sizes[i]!) / (whole || 1)
      for (const rect of bar.children) {
        rect.setAttribute('x', `${x + width * 0.09}%`)
        rect.setAttribute('width', `${width * 0.82}%`)
      }
      x += width
    }
    figure.classList.toggle('by-weights', byWeights)
  }
}

/** Offers the results for download. */
function offerDownload(): void {
  const button = document.getElementById('download')
  if (!button) return
  button.hidden = false
  button.addEventListener('click', () => {
    const json = document.getElementById('results')!.textContent!
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([json], { type: 'application/json' }))
    link.download = 'results.json'
    link.click()
    URL.revokeObjectURL(link.href)
  })
}
