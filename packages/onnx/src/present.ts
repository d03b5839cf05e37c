/** Leaves out the fields that are undefined: they must not hide what others say, nor stand in results. */
export function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>
}

type Present<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> }
