import { EXIT_CODES } from '../terminal/exit.js'
import { COMMANDS } from './commands.js'
import { LIST_FIELDS, SECTIONS, type Section } from './config.js'
import { hyphened, withChoices } from './options.js'
import type { Field, Flag } from './row.js'

/** Tables that READMEs show, by name: they stand between `<!-- options: name -->` and `<!-- end -->`. */
export function optionTables(): Readonly<Record<string, string>> {
  const { '': top, ...sections } = SECTIONS
  const { preset, seed, device, provider, prove, mergeAdapters, dims, ...recovery } = top
  const own = Object.entries(COMMANDS).map(([command, { own }]) => [`pare ${command}`, tableOf(rowsOf(own, () => ''))])
  return {
    prune: tableOf([
      ...sectionRows('prune'),
      ...rowsOf({ preset }, () => "prune: { preset: 'cnn' }"),
      ...rowsOf({ mergeAdapters, prove, dims, seed, device, provider }, (name) => name),
    ]),
    data: tableOf([...sectionRows('calibrate'), ...sectionRows('train')]),
    recover: tableOf([...rowsOf(recovery, (name) => name), ...rowsOf(sections.retrain, (name) => `recover.retrain.${name}`)]),
    evaluate: tableOf(sectionRows('evaluate')),
    evaluations: tableOf(rowsOf(LIST_FIELDS['evaluations[]'], (name) => `evaluations[].${name}`)),
    gate: tableOf([...sectionRows('gate'), ...rowsOf(LIST_FIELDS['gate[]'], (name) => `gate[].${name}`)]),
    search: tableOf(sectionRows('search')),
    'exit codes': markdown(
      ['exit code', 'meaning'],
      EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]),
    ),
    ...Object.fromEntries(own),
  }
}

/** `text` with the tables in their places. Throws where a place names a table that there is not. */
export function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  return text.replace(/(<!-- options: ([\w -]+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin: string, name: string, end: string) => {
    const table = tables[name]
    if (table === undefined) throw new Error(`there is no table '${name}'; there are ${Object.keys(tables).join(', ')}`)
    return `${begin}\n${table}\n${end}`
  })
}

/** A GitHub table. */
export function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return `${[line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')}\n`
}

type Row = readonly [option: string, field: string, fallback: string, help: string]

function tableOf(rows: readonly Row[]): string {
  const hasFields = rows.some(([, field]) => field !== '')
  const header = hasFields ? ['option', 'in a config', 'default', ''] : ['option', 'default', '']
  return markdown(
    header,
    rows.map(([option, field, ...rest]) => (hasFields ? [option, field, ...rest] : [option, ...rest])),
  )
}

function sectionRows(section: Exclude<Section, '' | 'retrain'>): readonly Row[] {
  return rowsOf(SECTIONS[section], (name) => (section === 'prune' ? `prune[].${name}` : `${section}.${name}`))
}

/** A row for each way to write a field on a command line, and one for each that only a config has. */
function rowsOf(fields: Readonly<Record<string, Field>>, place: (name: string) => string): readonly Row[] {
  return Object.entries(fields).flatMap(([name, field]): readonly Row[] => {
    const configPlace = place(name) === '' ? '' : code(place(name))
    if (field.flags.length === 0) return [['', configPlace, field.default ?? '', withChoices(field.help, field.schema)]]
    return field.flags.map((flag) => {
      const fallback = flag.help === undefined ? field.default : flag.default
      return [
        code(flagText(name, flag)),
        configPlace,
        fallback ?? '',
        withChoices(flag.help ?? field.help, flag.schema ?? field.schema),
      ]
    })
  })
}

/** '--max-drop <drop>' */
function flagText(key: string, { name = key, short, argument, negative, both }: Flag): string {
  const long = `--${both === true ? '[no-]' : negative === true ? 'no-' : ''}${hyphened(name)}`
  return `${short === undefined ? '' : `-${short}, `}${long}${argument === undefined ? '' : ` <${argument}>`}`
}

function code(text: string): string {
  return `\`${text}\``
}
