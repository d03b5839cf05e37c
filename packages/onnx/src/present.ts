/** Leaves out the fields that are undefined: they must not hide what others say, nor stand in results. */
export function present<Fields extends object>(fields: Fields): Present<Fields> {
  const left: Partial<Fields> = {}
  for (const key of Object.keys(fields) as (keyof Fields)[]) if (fields[key] !== undefined) left[key] = fields[key]
  return left as Present<Fields>
}

type Present<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> }
