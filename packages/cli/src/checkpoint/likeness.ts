/**
 * How much a tensor of a checkpoint is called like one of a model, for choosing among tensors that hold the same numbers: words in the same order count, numbers
 * that the other has not count against it. Names of exporters have the modules on the way to a tensor: '/model/layers.0/mlp/up_proj/MatMul'.
 */
export function likeness(name: string, others: readonly string[]): number {
  const words = wordsOf(name)
  return Math.max(...others.map((other) => common(words, wordsOf(other))), Number.NEGATIVE_INFINITY)
}

const wordsOf = (name: string) => name.match(/[A-Za-z]+|\d+/g) ?? []
const isNumber = (word: string) => /^\d/.test(word)

/** Twice the words of the longest common subsequence, less those that only the other has, and three for each number that only the first has: of several such sequences, by the one with most numbers. */
function common(words: readonly string[], others: readonly string[]): number {
  let lengths: readonly number[] = new Array<number>(others.length + 1).fill(0)
  let numbers: readonly number[] = lengths
  for (const word of words) {
    const [nextLengths, nextNumbers] = [[0], [0]]
    for (let i = 0; i < others.length; i++) {
      const isSame = others[i] === word
      const best = isSame ? lengths[i]! + 1 : Math.max(lengths[i + 1]!, nextLengths[i]!)
      const from = [
        ...(isSame ? [numbers[i]! + Number(isNumber(word))] : []),
        ...(lengths[i + 1] === best ? [numbers[i + 1]!] : []),
        ...(nextLengths[i] === best ? [nextNumbers[i]!] : []),
      ]
      nextLengths.push(best)
      nextNumbers.push(Math.max(...from))
    }
    lengths = nextLengths
    numbers = nextNumbers
  }
  const shared = lengths.at(-1)!
  return 2 * shared - (others.length - shared) - 3 * (words.filter(isNumber).length - numbers.at(-1)!)
}
