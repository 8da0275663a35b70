/** Bash completion from the command tree. */

/** @typedef {import('./command-tree.mjs').Tree} Tree */

/** @param {Tree} tree @param {string} path @returns {{ path: string, tree: Tree }[]} */
function flatten(tree, path = '') {
  const here = [{ path, tree }]
  return here.concat(
    ...tree.commands.map((c) => flatten(c, path === '' ? c.name : `${path} ${c.name}`)),
  )
}

/** @param {Tree} tree */
function words(tree) {
  const flags = tree.flags.flatMap((flag) => [flag.short, flag.long])
  return [...tree.commands.map((c) => c.name), ...flags]
    .filter((word) => word !== undefined)
    .join(' ')
}

/**
 * A script for /usr/share/bash-completion/completions: commands and flags after what was typed, the choices of a flag
 * that has some, and file names everywhere else.
 * @param {Tree} tree @returns {string}
 */
export function bashCompletion(tree) {
  const all = flatten(tree)
  const cases = all.map(({ path, tree: t }) => `    '${path}') words='${words(t)}' ;;`)
  const withValue = new Set()
  /** @type {string[]} */
  const choices = []
  for (const { path, tree: t } of all) {
    for (const flag of t.flags.filter((f) => f.takesValue)) {
      const names = [flag.short, flag.long].filter((name) => name !== undefined)
      for (const name of names) withValue.add(name)
      if (flag.choices.length > 0) {
        const patterns = names.map((name) => `'${path}:${name}'`).join('|')
        choices.push(
          `    ${patterns}) mapfile -t COMPREPLY < <(compgen -W '${flag.choices.join(' ')}' -- "$current"); return ;;`,
        )
      }
    }
  }
  const known = all.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`)
  return `# bash completion for evtrackd; generated from its command line.
_evtrackd() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} path='' next words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in
      ${known.join('|')}) path=$next ;;
    esac
  done
  case "$path:$previous" in
${choices.join('\n')}
  esac
  case "$previous" in
    ${[...withValue].sort().join('|')}) return ;;
  esac
  case "$path" in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _evtrackd evtrackd
`
}
