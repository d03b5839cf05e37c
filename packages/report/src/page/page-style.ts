/** The page's only style sheet. Colours meet WCAG AA on their backgrounds, in both schemes. */
export const pageStyle = `
:root {
  --page: #f4f5f7; --card: #fff; --ink: #16191f; --soft: #5a6472; --line: #dde1e7; --wash: #f4f6f8;
  --bar: #3f63d8; --bar-strong: #1f3fa8; --bar-before: #0f1f57; --track: #e4e8f0; --overall: #16191f; --link: #2448b8; --heat: #c2410c;
  --pass: #116932; --pass-wash: #e6f4ea; --pass-line: #b5dcc1;
  --fail: #ae1f16; --fail-wash: #fcebe9; --fail-line: #f0bfb9;
  --incomplete: #835300; --incomplete-wash: #fdf2da; --incomplete-line: #ecd29a;
  --sans: -apple-system, BlinkMacSystemFont, "Segoe UI", Inter, Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Noto Sans Mono", "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1014; --card: #161a20; --ink: #e8ebf0; --soft: #9ba6b5; --line: #2a3039; --wash: #1b2027;
    --bar: #6f93ff; --bar-strong: #b3c7ff; --bar-before: #dfe7ff; --track: #282f3a; --overall: #e8ebf0; --link: #9db6ff; --heat: #f2884b;
    --pass: #5bcb8a; --pass-wash: #10261a; --pass-line: #1f4a31;
    --fail: #ff938a; --fail-wash: #311615; --fail-line: #5e2a26;
    --incomplete: #efb84e; --incomplete-wash: #2a1f08; --incomplete-line: #574313;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans); font-variant-numeric: tabular-nums; }
h1, h2, h3, p, dl, dd, figure { margin: 0; }
h1 { font-size: clamp(1.6rem, 1.2rem + 1.8vw, 2.25rem); line-height: 1.15; letter-spacing: -.02em; font-weight: 680; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; line-height: 1.3; letter-spacing: -.01em; font-weight: 650; }
h3 { font-size: .95rem; font-weight: 620; }
a { color: var(--link); text-underline-offset: .18em; text-decoration-thickness: 1px; }
code, .shape, .steps { font-family: var(--mono); font-size: .86em; overflow-wrap: anywhere; unicode-bidi: isolate; }
:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; border-radius: 4px; }
.pass { --tone: var(--pass); --tone-wash: var(--pass-wash); --tone-line: var(--pass-line); }
.fail { --tone: var(--fail); --tone-wash: var(--fail-wash); --tone-line: var(--fail-line); }
.incomplete { --tone: var(--incomplete); --tone-wash: var(--incomplete-wash); --tone-line: var(--incomplete-line); }
.icon { width: 1em; height: 1em; flex: none; }
.icon > :first-child { fill: var(--tone); }
.icon > :last-child { fill: none; stroke: var(--card); stroke-width: 2.6; stroke-linecap: round; stroke-linejoin: round; }

.banner { background: var(--tone-wash); border-bottom: 1px solid var(--tone-line); }
.inner, main, footer { max-width: 1080px; margin: 0 auto; padding: 0 clamp(16px, 4vw, 40px); }
.banner .inner { display: flex; gap: clamp(14px, 2.4vw, 26px); padding-top: clamp(24px, 4vw, 44px); padding-bottom: clamp(24px, 4vw, 44px); align-items: flex-start; }
.banner .icon { width: clamp(40px, 6vw, 60px); height: clamp(40px, 6vw, 60px); margin-top: 2px; }
.banner .icon > :last-child { stroke: var(--tone-wash); stroke-width: 2.2; }
.banner p { margin-top: 10px; max-width: 68ch; text-wrap: pretty; overflow-wrap: anywhere; }
.banner .inner > div { min-width: 0; }
.banner .eyebrow { margin: 0 0 4px; color: var(--tone); font-size: .82rem; font-weight: 620; letter-spacing: .02em; }

main { padding-top: 28px; display: grid; gap: 24px; grid-template-columns: minmax(0, 1fr); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: clamp(16px, 3vw, 30px); }
.card > h2 { margin-bottom: 12px; }
.model { border-top: 4px solid var(--tone); }
.model > header { display: flex; gap: 8px 16px; align-items: baseline; justify-content: space-between; flex-wrap: wrap; }
.model h2 { overflow-wrap: anywhere; unicode-bidi: isolate; }
.chip { display: inline-flex; gap: 6px; align-items: center; padding: 2px 11px 2px 7px; border: 1px solid var(--tone-line); border-radius: 99px; background: var(--tone-wash); color: var(--tone); font-size: .82rem; font-weight: 620; white-space: nowrap; }
.chip .icon > :last-child { stroke: var(--tone-wash); }
.sentence::first-letter { text-transform: uppercase; }
.why, .hint, .banner p { white-space: pre-line; }
.why { margin-top: 8px; max-width: 72ch; text-wrap: pretty; overflow-wrap: anywhere; }
.hint { margin-top: 12px; padding: 10px 14px; border-radius: 8px; background: var(--wash); max-width: 78ch; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 240px), 1fr)); gap: 20px 28px; margin-top: 24px; padding-top: 20px; border-top: 1px solid var(--line); }
.tiles dt { color: var(--soft); font-size: .86rem; }
.tiles dd { font-size: 1.42rem; line-height: 1.3; font-weight: 620; letter-spacing: -.015em; }
.tiles dd i { font-style: normal; font-weight: 400; color: var(--soft); }
.tiles dd.note { font-size: .84rem; line-height: 1.4; font-weight: 400; letter-spacing: 0; color: var(--soft); }
figure { margin-top: 32px; }
figure p { margin-top: 6px; max-width: 78ch; text-wrap: pretty; }

.scale { display: block; width: 100%; height: 90px; margin-top: 8px; overflow: visible; font-size: 13px; }
.scale text { fill: var(--soft); }
.scale text.limit { fill: var(--ink); font-weight: 600; }
.allowed { fill: var(--pass-wash); } .exceeded { fill: var(--fail-wash); }
.scale .zero, .scale .tick { stroke: var(--soft); stroke-width: 1; }
.scale text.tick { stroke: none; }
.scale .zero { stroke-dasharray: 2 3; }
.scale line.limit { stroke: var(--ink); stroke-width: 2; }
.span { fill: var(--bar); fill-opacity: .55; }
.point { fill: var(--tone); stroke: var(--card); stroke-width: 2; }
.legend { display: flex; gap: 4px 22px; flex-wrap: wrap; color: var(--soft); font-size: .9rem; }
.legend span { display: inline-flex; gap: 8px; align-items: center; }
.key { width: 20px; height: 14px; flex: none; }
.unresolved { border-left: 3px solid var(--incomplete); padding-left: 12px; }

.shares .title { display: flex; gap: 4px 20px; justify-content: space-between; flex-wrap: wrap; align-items: baseline; }
.shares label { font-size: .88rem; color: var(--soft); cursor: pointer; }
.shares input { accent-color: var(--bar); vertical-align: -1px; margin: 0 4px 0 0; }
.plot { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 10px; margin-top: 14px; }
.axis { height: 180px; display: flex; flex-direction: column; justify-content: space-between; text-align: right; font-size: 13px; line-height: 0; color: var(--soft); }
.canvas { display: block; width: 100%; height: 180px; overflow: visible; }
.numbers { display: block; width: 100%; height: 24px; overflow: visible; font-size: 13px; }
.numbers text { fill: var(--soft); }
.by-weights .numbers { visibility: hidden; }
.grid { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges; }
.hit { fill: transparent; }
.after { fill: var(--bar); } .before { fill: var(--bar-before); fill-opacity: .45; }
.selected .hit { fill: var(--track); } .selected .after { fill: var(--bar-strong); }
line.overall { stroke: var(--overall); stroke-width: 1.5; stroke-dasharray: 6 4; pointer-events: none; }
.readout { min-height: 1.55em; font-size: .9rem; color: var(--soft); overflow-wrap: anywhere; }

.training { --c0: #3f63d8; --c1: #a35200; } @media (prefers-color-scheme: dark) { .training { --c0: #6f93ff; --c1: #efa04e; } }
.training > p { margin-top: 8px; color: var(--soft); font-size: .9rem; } .training > .name { margin-top: 16px; color: var(--ink); }
.training > svg { display: block; width: 100%; margin-top: 6px; font-size: 9px; }
.training text { fill: var(--soft); } .training .value, .training .last { text-anchor: end; }
.training .curve { fill: none; stroke-width: 2; } .training .c0 { stroke: var(--c0); } .training .c1 { stroke: var(--c1); }
.candidates > svg { display: block; width: 100%; margin-top: 12px; font-size: 11px; } .candidates text { fill: var(--soft); } .candidates .value { text-anchor: end; } .candidates .amount { text-anchor: middle; }
.candidates line.limit { stroke: var(--ink); stroke-width: 2; } .candidates line.span { stroke: var(--tone); stroke-opacity: .45; stroke-width: 2; } .front { fill: none; stroke: var(--soft); stroke-dasharray: 4 3; }
.trade { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 10px; margin-top: 14px; } .trade > svg { display: block; width: 100%; height: 222px; overflow: visible; font-size: 13px; } .trade > .levels { width: 52px; }
.trade text { fill: var(--soft); } .trade .levels text { text-anchor: end; } .trade text.limit { fill: var(--ink); font-weight: 600; } .trade text.name { fill: var(--ink); font-weight: 600; }
.trade line.limit { stroke: var(--ink); stroke-width: 2; } .trade .other { --tone: var(--soft); } .trade .range { stroke: var(--tone); stroke-opacity: .5; stroke-width: 3; } .trade + .legend { margin-bottom: 12px; } .trade + .legend b { color: var(--ink); }
.stage { stroke: var(--soft); stroke-opacity: .5; stroke-dasharray: 2 3; }

.advice { margin-top: 18px; padding: 14px 18px; border: 1px solid var(--line); border-left: 4px solid var(--bar); border-radius: 8px; background: var(--wash); }
.advice ol { margin: 8px 0 0; padding-left: 1.5em; } .advice li { margin-top: 8px; max-width: 78ch; overflow-wrap: anywhere; } .advice li:first-child { margin-top: 0; }
.add { color: var(--soft); } .type span { display: inline-block; max-width: 100%; }
.type { display: block; width: fit-content; max-width: 100%; margin-top: 4px; padding: 3px 9px; border: 1px solid var(--line); border-radius: 6px; background: var(--card); }
.right { width: 120px; height: 20px; overflow: visible; display: block; } .classes .legend { margin: 6px 0 8px; } .classes th.name, .confusion th.name, .reliability th.name { min-width: 4rem; }
.mark { stroke: var(--ink); stroke-width: 2.5; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); gap: 18px 28px; margin-top: 12px; }
.maps svg { display: block; width: 100%; max-width: 380px; font-size: 10px; } .maps .name { margin: 0 0 6px; font-weight: 600; font-size: .9rem; }
.maps text { fill: var(--ink); text-anchor: middle; } .maps text.full { fill: var(--card); }
.maps text.row { text-anchor: end; fill: var(--soft); } .maps text.column { fill: var(--soft); }
.frame { fill: var(--wash); stroke: var(--line); } rect.part, rect.full { fill: var(--bar); }
rect.more { fill: var(--bar); } rect.less { fill: none; stroke: var(--fail); stroke-width: 1.6; }
.reliability > svg { display: block; width: 100%; max-width: 420px; margin-top: 12px; font-size: 11px; }
.reliability text { fill: var(--soft); text-anchor: middle; } .reliability text.value { text-anchor: end; }
.reliability { --c0: #3f63d8; --c1: #a35200; } @media (prefers-color-scheme: dark) { .reliability { --c0: #6f93ff; --c1: #efa04e; } }
.reliability .curve { fill: none; stroke-width: 1.75; } .reliability .c0 { stroke: var(--c0); } .reliability .c1 { stroke: var(--c1); stroke-dasharray: 5 3; }
.ideal { stroke: var(--soft); stroke-dasharray: 2 4; } .hollow { fill: var(--card); stroke: var(--c1); stroke-width: 2; } .solid { fill: var(--c0); }
line.zero { stroke: var(--soft); stroke-dasharray: 2 3; }
details { margin-top: 18px; border-top: 1px solid var(--line); padding-top: 14px; }
summary { cursor: pointer; font-weight: 600; font-size: .95rem; }
details > :not(summary) { margin-top: 12px; }
.scroll { overflow: auto; max-height: min(75vh, 46rem); margin: 0 -6px; padding: 0 6px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { padding: 7px 12px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); font-weight: 400; }
th:first-child, td:first-child { padding-left: 0; } th:last-child, td:last-child { padding-right: 0; }
thead th { position: sticky; top: 0; z-index: 1; background: var(--card); box-shadow: inset 0 -1px var(--line); color: var(--soft); white-space: nowrap; vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
th.name { overflow-wrap: anywhere; min-width: 11rem; unicode-bidi: isolate; }
.shape { white-space: nowrap; }
thead button { all: unset; cursor: pointer; font-weight: 600; }
thead button:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; border-radius: 3px; }
thead button::after { content: "↕"; display: inline-block; width: 1.1em; text-align: center; opacity: .35; }
thead button:hover::after { opacity: 1; }
[aria-sort] button { color: var(--ink); }
[aria-sort=ascending] button::after { content: "↑"; opacity: 1; }
[aria-sort=descending] button::after { content: "↓"; opacity: 1; }
.heat { float: left; width: 14px; height: 14px; margin: 5px 10px 0 24px; border-radius: 3px; overflow: hidden; } .heat { background: var(--wash); } .heat rect { fill: var(--heat); } .heat.nearest { outline: 2px solid var(--ink); outline-offset: 1px; }
.meter { width: 64px; height: 8px; margin-right: 10px; border-radius: 4px; overflow: hidden; }
.share { display: inline-block; min-width: 4.2em; }
.track { fill: var(--track); }
.steps { padding-left: 1.6em; margin-bottom: 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 140px), 1fr)); gap: 12px 28px; font-size: .9rem; }
.files { grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr)); }
.facts dt { color: var(--soft); } .facts dd { overflow-wrap: anywhere; }
.hash { color: var(--soft); font-size: .74em; }
footer { padding-top: 32px; padding-bottom: 48px; }
footer h2 { font-size: .95rem; margin-bottom: 8px; }
footer p { margin-top: 18px; }
footer button { font: inherit; font-size: .9rem; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 7px 14px; cursor: pointer; }
footer button:hover { border-color: var(--soft); }
@media (max-width: 560px) { .right { width: 84px; } .banner .inner { gap: 14px; } .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 18px 16px; } .tiles dd { font-size: 1.15rem; } }
@media print { .scroll { max-height: none; } body { background: #fff; } .card { break-inside: avoid-page; } footer button { display: none; } }
`
