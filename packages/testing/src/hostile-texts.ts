/**
 * Texts that strangers may give to anything that has a name, each with what it is after. What prints one must print it so that it is a text: on one line, that
 * neither a terminal nor a CI log obeys, and that is no markup.
 */
export const HOSTILE_TEXTS: Readonly<Record<string, string>> = {
  'a command of a CI log': '::stop-commands::x',
  'a command on a line of its own': 'a\n::add-mask::b',
  'a command behind blanks': '\n   ::warning::x',
  'a command behind a carriage return': 'a\r::set-output name=x::1',
  'a command of the old kind': 'a ##[error]b ##vso[task.x]c ##teamcity[x]',
  'orders to a terminal': '\u001b[2J\u001b]0;title\u0007\u009b31m\b',
  'a link of a terminal': '\u001b]8;;https://evil.example\u0007here\u001b]8;;\u0007',
  'marks of direction': '\u202eabc\u2066\u200f\u061c',
  'separators of lines': 'a\u2028::error::b\u2029\u0085::debug::c',
  'what takes no room': 'a\u200b\ufeff\u00ad\u{e0041}',
  'halves of characters': 'a\ud800b\udc00',
  'a script': '</script><script>alert(1)</script><img src=x onerror=alert(1)>',
  'an attribute': "\"><svg onload=alert(1)> ' onmouseover=alert(1) x='",
  'a comment': '<!-- --><!--',
  'character references': '&lt;script&gt; &#60; &amp;',
  'a table': 'a | b |\n|---|---|\n| c | d |',
  'links and pictures': '[a](javascript:alert(1)) ![b](https://evil.example/x.png) <https://evil.example> www.evil.example',
  'mentions and issues': '@octocat @org/team #1 GH-2 owner/repo#3',
  'a heading and a rule': 'a\n# b\n\n---\n',
  'code fences': '```\n</code></pre>\n~~~\n`x`',
  'a chart': '```mermaid\nxychart-beta\n  click a "javascript:alert(1)"\n```\n%%{init: {}}%%',
  mathematics: '$$\\href{javascript:alert(1)}{x}$$ $x$',
  'a format': '%s %d %0A%0D {bar} {{x}} %{x}',
  'a name of every object': '__proto__',
  'a long text': 'W'.repeat(30_000),
}

/** What is wrong with lines as people and CI logs see them; nothing where all are harmless. */
export function harmIn(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const [unseen] = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.exec(line) ?? []
    if (unseen !== undefined) return `has U+${unseen.codePointAt(0)!.toString(16)}: ${JSON.stringify(line.slice(0, 120))}`
    if (/^\s*::/.test(line) || /##[\w.-]*\[/.test(line)) return `is a command: ${JSON.stringify(line.slice(0, 120))}`
  }
  return undefined
}
