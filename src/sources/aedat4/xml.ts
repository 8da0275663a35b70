/** A node of the header's XML tree: `<node name=…>` with its `<attr key=…>` values and child nodes. */
export interface XmlNode {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlNode[]
}

interface OpenNode {
  name: string
  attributes: Map<string, string>
  children: XmlNode[]
}

/** Depth kept; deeper nodes are read and left out. AEDAT4 needs four. */
const MAX_DEPTH = 16

const TAG = /<(\/?)([A-Za-z]+)((?:\s+[A-Za-z]+="[^"]*")*)\s*(\/?)>([^<]*)/g
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

function unescapeXml(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name: string) => ENTITIES[name] ?? whole)
}

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function property(tagText: string, name: string): string {
  const match = new RegExp(`\\s${name}="([^"]*)"`).exec(tagText)
  return unescapeXml(match?.[1] ?? '')
}

/**
 * The subset of XML that AEDAT4 headers are made of: `dv`, `node` and `attr` elements with double-quoted properties.
 * Returns a nameless root. Forgiving: unknown elements are passed over, unclosed ones end with the text.
 */
export function parseXml(text: string): XmlNode {
  const root: OpenNode = { name: '', attributes: new Map(), children: [] }
  const stack = [root]
  let depth = 0
  for (const [, closing, element, properties, selfClosing, content] of text.matchAll(TAG)) {
    const top = stack[stack.length - 1]!
    if (element === 'attr' && !closing && !selfClosing) {
      top.attributes.set(property(properties!, 'key'), unescapeXml(content!))
    } else if (element === 'node' && closing) {
      if (depth === stack.length - 1 && depth > 0) stack.pop()
      if (depth > 0) depth--
    } else if (element === 'node') {
      const node: OpenNode = {
        name: property(properties!, 'name'),
        attributes: new Map(),
        children: [],
      }
      if (depth === stack.length - 1) top.children.push(node)
      if (selfClosing) continue
      if (depth === stack.length - 1 && depth < MAX_DEPTH) stack.push(node)
      depth++
    }
  }
  return root
}
