/** Hands things over in order, whoever comes first. One taker at a time. */
export interface Meeting<Thing> {
  give(thing: Thing): void
  take(): Promise<Thing>
}

export function meeting<Thing>(): Meeting<Thing> {
  const there: Thing[] = []
  let take: ((thing: Thing) => void) | undefined
  return {
    give(thing) {
      if (take === undefined) there.push(thing)
      else take(thing)
      take = undefined
    },
    take: () =>
      there.length > 0
        ? Promise.resolve(there.shift() as Thing)
        : new Promise((resolve) => {
            take = resolve
          }),
  }
}
