import type { FuzzTarget } from './harness.js'
import { createAedat4Target } from './targets/aedat4.js'
import { createConfigTarget } from './targets/config.js'
import { createArchiveTarget, createPackageTarget } from './targets/package.js'
import { createRequestsTarget } from './targets/requests.js'
import { createControlTarget, createStatusTarget, createViewTarget } from './targets/sockets.js'
import { createWordsTarget } from './targets/words.js'

/** Every way in, by name. Each call makes one with its own files and sockets. */
export const TARGETS: Readonly<Record<string, () => FuzzTarget | Promise<FuzzTarget>>> = {
  words: createWordsTarget,
  aedat4: createAedat4Target,
  package: createPackageTarget,
  archive: createArchiveTarget,
  requests: createRequestsTarget,
  config: createConfigTarget,
  socket: createStatusTarget,
  control: createControlTarget,
  view: createViewTarget,
}
