import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The text of /usr/share/doc/evtrackd/copyright: our licence and that of everything that lies in the package.
 * @param {{ name: string, version: string, license: string, folder: string }[]} parts in the order they should appear
 * @param {string} ownLicence full text
 * @returns {string}
 */
export function notices(parts, ownLicence) {
  const sections = parts.map(({ name, version, license, folder }) => {
    const files = existsSync(folder) ? readdirSync(folder) : []
    const texts = files
      .filter((file) => /^(licen[cs]e|copying|notice)([.-]|$)/i.test(file))
      .sort()
      .map((file) => readFileSync(join(folder, file), 'utf8').trim())
    return `${'-'.repeat(78)}\n${name} ${version} (${license})\n\n${texts.join('\n\n') || `The package states its licence as ${license} and carries no text of it.`}`
  })
  return `evtrackd is licensed under the Apache License 2.0, whose text follows. It comes with the programs and libraries
named after it, each under its own licence.

${ownLicence.trim()}

${sections.join('\n\n')}
`
}
