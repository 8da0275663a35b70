import { unsupportedExport } from '../errors.js'
import type { ExportTarget } from '../target.js'
import { checkChip } from './check.js'
import type { ChipName } from './limits-schema.js'

/** A chip whose limits are known but for which nothing is written: its maker's tools take no layer of such a network. */
export function checkOnly(name: ChipName, title: string): ExportTarget {
  const refuse = () => {
    throw unsupportedExport(name, 'this network: it can be checked only')
  }
  return {
    name,
    title: `${title} (--check only)`,
    check: (network) => checkChip(network, name),
    write: async () => refuse(),
    verify: async () => refuse(),
  }
}
