import { PareError } from '@pare/onnx'
import { type ClassNames, listed } from './labels.js'

/** What a data set calls a class, and its number there. */
export interface Category {
  readonly id: number
  readonly name: string
}

/** The classes of the model, where they have names: `LABEL_0`, … are none. */
export function named(classes: ClassNames | undefined): ClassNames | undefined {
  return classes?.names.every((each) => /^LABEL_\d+$/.test(each)) ? undefined : classes
}

/** Gives the number of a class by its name as it is, else without its case. Of two classes of one name the first counts. */
export function numberFinder({ names }: ClassNames): (name: string) => number | undefined {
  const plain = (text: string) => text.trim().toLowerCase()
  const firsts = (keys: readonly string[]) => new Map(keys.map((key, i) => [key, i] as const).reverse())
  const [exact, alike] = [firsts(names), firsts(names.map(plain))]
  return (name) => exact.get(name) ?? alike.get(plain(name))
}

/** The number that the model has for each category, by its id, and the categories that it has none for. A category is found by its name, else by its id. */
export function numbersByName(
  categories: readonly Category[],
  classes: ClassNames,
): { readonly numberOf: ReadonlyMap<number, number>; readonly unknown: readonly Category[] } {
  const find = numberFinder(classes)
  const numbers = categories.map((each) => {
    const number = find(each.name) ?? classes.names.indexOf(String(each.id))
    return { ...each, number: number < 0 ? undefined : number }
  })
  return {
    numberOf: new Map(numbers.flatMap(({ id, number }) => (number === undefined ? [] : [[id, number] as const]))),
    unknown: numbers.filter(({ number }) => number === undefined),
  }
}

/** Of categories that boxes have, and the model does not know. `order` are the ids of all, in order. */
export function strangeCategories(
  strange: readonly string[],
  { name, classes, order }: { readonly name: string; readonly classes: ClassNames; readonly order: readonly number[] },
): PareError {
  return new PareError(
    `${name}: ${strange.length === 1 ? 'the category' : 'categories'} ${listed(strange)}: not among the classes ${listed(classes.names)} (${classes.from}).`,
    {
      hint: `say the classes in the order of the model's numbers, called as the categories are, or by their ids: --classes ${order.slice(0, 3).join(',')}${order.length > 3 ? ',…' : ''}.`,
    },
  )
}
