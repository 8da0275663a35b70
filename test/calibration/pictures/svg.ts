/** Throws for markup that a strict reader would refuse: tags that do not match, loose ampersands, numbers that are none. */
export function wellFormed(svg: string): string {
  const open: string[] = []
  for (const [whole, close, name, rest] of svg.matchAll(/<(\/?)([a-zA-Z]+)([^<>]*)>/g)) {
    if (close === '/') {
      if (open.pop() !== name) throw new Error(`${whole} closes something else`)
    } else if (!rest!.endsWith('/')) open.push(name!)
    if (/="[^"]*$/.test(rest!)) throw new Error(`${whole}: an attribute has no end`)
  }
  if (open.length > 0) throw new Error(`${open.join(', ')} never end`)
  if (/&(?!(amp|lt|gt|quot);)/.test(svg)) throw new Error('a loose &')
  if (/NaN|Infinity|undefined/.test(svg)) throw new Error('a number that is none')
  return svg
}

/** All texts of a picture in their order. */
export function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!)
}

/** The attributes of each element of this name. */
export function elementsOf(svg: string, name: string): Record<string, string>[] {
  return [...svg.matchAll(new RegExp(`<${name}( [^>]*?)/?>`, 'g'))].map(([, attributes]) =>
    Object.fromEntries(
      [...attributes!.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, k, v]) => [k!, v!]),
    ),
  )
}
