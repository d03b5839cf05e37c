import { PareError } from '@pare/onnx'

/** An element of XML: its name as it is written, the elements in it, and its text without that of these. */
export interface XmlElement {
  readonly name: string
  readonly children: readonly XmlElement[]
  readonly text: string
}

/** What no annotation of an image has. */
const XML_LIMITS = { depth: 32, elements: 50_000 } as const

/**
 * The outermost element of an XML text. Attributes, comments and instructions are passed over; of entities there are the five of XML and characters by their numbers. Throws PareError for what is not
 * well-formed, for a document type, since its entities may unpack to anything, and beyond `XML_LIMITS`. `where` is for messages.
 */
export async function parseXml(text: string, where: string): Promise<XmlElement> {
  const { default: sax } = await import('sax')
  const parser = sax.parser(true, { position: true })
  // Those of the library inherit the names of all objects: &constructor;.
  parser.ENTITIES = Object.assign(Object.create(null), ENTITIES)
  const top = openElement('')
  const open = [top]
  let elements = 0
  const fail = (what: string, hint: string) => {
    throw new PareError(`${where}:${parser.line + 1}: ${what}.`, { hint })
  }
  parser.onerror = ({ message }) => fail(`not XML (${message.split('\n')[0]!.replace(/\.$/, '')})`, 'correct the file.')
  parser.ondoctype = () => fail('XML with a document type (DTD)', 'take the line that begins with <!DOCTYPE away.')
  parser.onopentag = ({ name }) => {
    if (open.length > XML_LIMITS.depth) fail(`XML that is nested more than ${XML_LIMITS.depth} deep`, NO_ANNOTATION)
    if (++elements > XML_LIMITS.elements) fail(`XML of more than ${XML_LIMITS.elements} elements`, NO_ANNOTATION)
    const element = openElement(name)
    open.at(-1)!.children.push(element)
    open.push(element)
  }
  parser.onclosetag = () => {
    open.pop()
  }
  const add = (part: string) => {
    open.at(-1)!.text += part
  }
  parser.ontext = add
  parser.oncdata = add
  parser.write(text).close()
  return top.children[0] ?? fail('XML without an element', 'correct the file.')
}

const ENTITIES = { amp: '&', gt: '>', lt: '<', quot: '"', apos: "'" }
const NO_ANNOTATION = 'check the file: no annotation of an image is.'

function openElement(name: string): { name: string; children: XmlElement[]; text: string } {
  return { name, children: [], text: '' }
}
