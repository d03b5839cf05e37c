import type { Attribute, Graph, Node, Tensor } from '../model.js'
import type { AttributeValue } from './make.js'

/** The attributes of a node, by the kind that its operator declares. One that is left out or of another kind is not there. */
export interface Attributes {
  has(name: string): boolean
  /** 64-bit integers are rounded to doubles. */
  readonly int: AttributeReader<number>
  readonly ints: AttributeReader<readonly number[]>
  readonly float: AttributeReader<number>
  readonly floats: AttributeReader<readonly number[]>
  readonly string: AttributeReader<string>
  tensor(name: string): Tensor | undefined
  graph(name: string): Graph | undefined
  /** Numbers, texts and lists of numbers as they are, to make a node with. Default: of all names */
  plain(names?: readonly string[]): Record<string, AttributeValue>
}

/** The value of an attribute; where it is not there, `otherwise`. */
export interface AttributeReader<T> {
  (name: string): T | undefined
  (name: string, otherwise: T): T
}

export function attributesOf({ attributes }: Pick<Node, 'attributes'>): Attributes {
  return new NodeAttributes(attributes)
}

/** Reads the attributes of one node. Readers are made when they are asked for, since most nodes are asked for few, and need no `this`. */
export class NodeAttributes implements Attributes {
  readonly #attributes: Node['attributes']

  constructor(attributes: Node['attributes']) {
    this.#attributes = attributes
  }

  get int(): AttributeReader<number> {
    return this.#reading('int', Number)
  }
  get ints(): AttributeReader<readonly number[]> {
    return this.#reading('ints', (values): readonly number[] => values.map(Number))
  }
  get float(): AttributeReader<number> {
    return this.#reading('float', same)
  }
  get floats(): AttributeReader<readonly number[]> {
    return this.#reading('floats', same)
  }
  get string(): AttributeReader<string> {
    return this.#reading('string', same)
  }

  get has(): Attributes['has'] {
    const attributes = this.#attributes
    return (name) => attributes.has(name)
  }
  get tensor(): Attributes['tensor'] {
    return this.#reading('tensor', same)
  }
  get graph(): Attributes['graph'] {
    return this.#reading('graph', same)
  }
  get plain(): Attributes['plain'] {
    const attributes = this.#attributes
    return (names = [...attributes.keys()]) => {
      const plain: Record<string, AttributeValue> = {}
      for (const name of names) {
        const attribute = attributes.get(name)
        if (attribute !== undefined && isPlain(attribute)) plain[name] = attribute.value
      }
      return plain
    }
  }

  #reading<K extends Kind, T>(kind: K, from: (value: Value<K>) => T): AttributeReader<T> {
    const attributes = this.#attributes
    return ((name: string, otherwise?: T) => {
      const attribute = attributes.get(name)
      return attribute?.kind === kind ? from(attribute.value as Value<K>) : otherwise
    }) as AttributeReader<T>
  }
}

/** The tensor that a Constant node holds; undefined for any other node, and for a Constant of another kind. */
export function tensorIn(node: Node): Tensor | undefined {
  return node.op === 'Constant' && node.domain === '' ? attributesOf(node).tensor('value') : undefined
}

type Kind = Exclude<Attribute['kind'], 'other'>
type Value<K extends Kind> = Extract<Attribute, { kind: K }>['value']
type Plain = Extract<Attribute, { kind: 'int' | 'ints' | 'float' | 'floats' | 'string' }>

const PLAIN: ReadonlySet<Attribute['kind']> = new Set<Plain['kind']>(['int', 'ints', 'float', 'floats', 'string'])

function isPlain(attribute: Attribute): attribute is Plain {
  return PLAIN.has(attribute.kind)
}

const same = <T>(value: T): T => value
