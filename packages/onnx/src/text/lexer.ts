import { PareError } from '../error.js'

/** Reads ONNX's textual syntax token by token. Blanks and comments (`# …` to the end of the line) are stepped over. */
export class Lexer {
  readonly #source: string
  #position = 0

  constructor(source: string) {
    this.#source = source
    this.#skipBlanks()
  }

  get atEnd(): boolean {
    return this.#position >= this.#source.length
  }

  /** True, and stepped over, if `token` comes next. Words match whole words only. */
  accept(token: string): boolean {
    if (!this.peek(token)) return false
    this.#advance(token.length)
    return true
  }

  peek(token: string): boolean {
    if (!this.#source.startsWith(token, this.#position)) return false
    return !/\w$/.test(token) || !/\w/.test(this.#source[this.#position + token.length] ?? '')
  }

  expect(token: string): void {
    if (!this.accept(token)) throw this.error(`expected '${token}'`)
  }

  /** A name, also with dots or in double quotes; undefined if none comes next. */
  acceptName(): string | undefined {
    if (this.peek('"')) return this.string()
    return this.#match(/[A-Za-z_](?:[\w.]*\w)?/y)
  }

  name(what: string): string {
    const name = this.acceptName()
    if (name === undefined) throw this.error(`expected the name of ${what}`)
    return name
  }

  /** The digits of a number as written, with sign, fraction and exponent; undefined if none comes next. */
  acceptNumber(): string | undefined {
    return this.#match(/[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?\b|nan\b)/y)
  }

  number(what: string): string {
    const number = this.acceptNumber()
    if (number === undefined) throw this.error(`expected ${what}, a number`)
    return number
  }

  integer(what: string): bigint {
    const number = this.number(what)
    if (!/^[+-]?\d+$/.test(number)) throw this.error(`expected ${what}, a whole number, found '${number}' before this`)
    return BigInt(number.replace('+', ''))
  }

  string(): string {
    const literal = this.#match(/"(?:[^"\\]|\\.)*"/y)
    if (literal === undefined) throw this.error('expected a string in double quotes')
    return literal.slice(1, -1).replace(/\\(.)/g, '$1')
  }

  /** Runs `parse` without moving unless it gives something. */
  attempt<T>(parse: () => T | undefined): T | undefined {
    const before = this.#position
    const result = parse()
    if (result === undefined) this.#position = before
    return result
  }

  error(problem: string): PareError {
    const before = this.#source.slice(0, this.#position)
    const line = before.split('\n').length
    const column = this.#position - before.lastIndexOf('\n')
    const rest = this.#source.slice(this.#position, this.#position + 20).split('\n')[0]
    const here = this.atEnd ? 'the end' : `'${rest}'`
    return new PareError(`ONNX text, line ${line}, column ${column}: ${problem}, found ${here}.`, {
      hint: 'the syntax is that of onnx.parser: https://onnx.ai/onnx/repo-docs/Syntax.html',
    })
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position
    const match = pattern.exec(this.#source)?.[0]
    if (match !== undefined) this.#advance(match.length)
    return match
  }

  #advance(count: number): void {
    this.#position += count
    this.#skipBlanks()
  }

  #skipBlanks(): void {
    const blanks = /(?:\s+|#[^\n]*)*/y
    blanks.lastIndex = this.#position
    this.#position += blanks.exec(this.#source)![0].length
  }
}
