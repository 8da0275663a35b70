/** The manual page evtrackd(1): commands and flags from the command tree, the rest written by hand. */

/** @typedef {import('./command-tree.mjs').Tree} Tree */

/** Plain text as roff: a backslash, a hyphen and a leading dot or quote would mean something there. @param {string} text */
export function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
}

/** @param {import('./command-tree.mjs').Flag} flag */
function flagEntry(flag) {
  const choices = flag.choices.length === 0 ? '' : ` One of ${flag.choices.join(', ')}.`
  const fallback = flag.fallback === undefined ? '' : ` Default: ${flag.fallback}.`
  return `.TP\n\\fB${roff(flag.flags)}\\fR\n${roff(`${fullStop(flag.description)}${choices}${fallback}`)}`
}

/** @param {string} text */
function fullStop(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** @param {Tree} tree @param {string} path @returns {string[]} */
function commandEntries(tree, path) {
  const name = `${path} ${tree.name}`
  if (tree.commands.length > 0) return tree.commands.flatMap((child) => commandEntries(child, name))
  const usage = tree.usage.replace(/^\[options\] ?/, '')
  const flags = tree.flags.filter((flag) => flag.long !== '--help')
  const head = `.SS "${roff(`${name}${usage === '' ? '' : ` ${usage}`}`.trim())}"\n${roff(fullStop(tree.description))}`
  return [head, ...flags.map(flagEntry)]
}

/**
 * @param {Tree} tree
 * @param {{ version: string, date: string, sections: string }} page date as YYYY-MM-DD; sections: roff after COMMANDS
 * @returns {string}
 */
export function manualPage(tree, { version, date, sections }) {
  return [
    `.TH EVTRACKD 1 "${date}" "evtrackd ${roff(version)}" "User Commands"`,
    `.SH NAME\nevtrackd \\- tracker for DAVIS346 event cameras`,
    `.SH SYNOPSIS\n.B evtrackd\n.I command\n.RI [ options ]`,
    `.SH DESCRIPTION\n${roff(tree.description)}`,
    '.SH COMMANDS',
    ...tree.commands.flatMap((command) => commandEntries(command, '')),
    sections.trimEnd(),
    '',
  ].join('\n')
}
