import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmulatedCamera, type EmulatedCameraOptions } from '../../src/davis346/emulator/camera.js'
import { systemClock } from '../../src/events/time.js'
import { buildShim } from './build.js'
import { type Held, serveRemote } from './remote.js'
import { ShimServer } from './server.js'

/** An emulated camera that a child process sees through libusb. */
export interface ShimHost {
  readonly camera: EmulatedCamera
  /** Environment of the child. */
  readonly env: Readonly<Record<string, string>>
  /** Faults and observations, for `connectRemote` in the child. */
  readonly remotePath: string
  close(): Promise<void>
}

/** Serves a camera from this process. `unavailable` says why the shim cannot be used on this machine. */
export async function openShimHost(
  options: Omit<EmulatedCameraOptions, 'clock'> & { readonly script?: Held },
): Promise<ShimHost | { readonly unavailable: string }> {
  const shim = await buildShim()
  if ('unavailable' in shim) return shim
  // Socket paths are limited to 107 bytes, so not below the checkout.
  const folder = await mkdtemp(join(tmpdir(), 'evtrackd-usb-'))
  const camera = new EmulatedCamera({ ...options, clock: systemClock })
  const server = new ShimServer([camera])
  const usbPath = join(folder, 'usb')
  const remotePath = join(folder, 'remote')
  await server.listen(usbPath)
  const remote = await serveRemote(camera, { path: remotePath, script: options.script })
  return {
    camera,
    remotePath,
    env: { LD_PRELOAD: shim.path, USBSHIM_SOCKET: usbPath },
    async close() {
      await server.close()
      await new Promise((resolve) => remote.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
