import type { Test } from 'tap'
import { EvtrackError } from '../../src/events/errors.js'
import { type UsbDeviceInfo, UsbError, type UsbHandle, type UsbPort } from '../../src/usb/port.js'
import type { CameraRemote } from '../usb-shim/remote.js'

/** Where the suite runs: a port under test and the one camera it can see. */
export interface UsbPortHarness {
  /** A new port; the suite closes it. */
  port(): UsbPort
  /** The camera streams bars of some 100 000 events a second in real time. */
  readonly camera: CameraRemote
  readonly serial: string
}

/** Runs tests with a port of their own, each on a camera that is plugged in, freshly powered up and well. */
export function portTests(t: Test, harness: UsbPortHarness) {
  const withPort = (name: string, body: (t: Test, port: UsbPort) => Promise<void>) =>
    t.test(name, async (t) => {
      const port = harness.port()
      t.teardown(async () => {
        await port.close()
        await heal(harness)
      })
      await body(t, port)
    })

  const withHandle = (
    name: string,
    body: (t: Test, given: { port: UsbPort; handle: UsbHandle }) => Promise<void>,
  ) =>
    withPort(name, async (t, port) => {
      await body(t, { port, handle: await port.open(await only(port)) })
    })

  return { withPort, withHandle }
}

/** A power cycle that the port has heard of. */
export async function replug(port: UsbPort, camera: CameraRemote): Promise<UsbDeviceInfo> {
  // Listening first: a detach of before may still be on its way.
  const gone = detached(port)
  if ((await port.list()).length > 0) {
    await camera.unplug()
    await gone
  }
  const arrived = attached(port)
  await camera.plug()
  return arrived
}

/** Leaves a camera that is plugged in and well, and no test with the registers of another. */
async function heal(harness: UsbPortHarness): Promise<void> {
  const { camera } = harness
  await camera.deny(false)
  await camera.claimElsewhere(false)
  await camera.unconfigured(false)
  await camera.slowControl(0)
  const port = harness.port()
  await replug(port, camera)
  await port.close()
}

export async function only(port: UsbPort): Promise<UsbDeviceInfo> {
  const [device, ...others] = await port.list()
  if (!device || others.length > 0) throw new Error(`expected one camera, not ${others.length + 1}`)
  return device
}

export function attached(port: UsbPort): Promise<UsbDeviceInfo> {
  return new Promise((resolve) => {
    const off = port.onAttach((device) => {
      off()
      resolve(device)
    })
  })
}

export function detached(port: UsbPort): Promise<UsbDeviceInfo> {
  return new Promise((resolve) => {
    const off = port.onDetach((device) => {
      off()
      resolve(device)
    })
  })
}

export async function rejectsWith(
  t: Test,
  promise: Promise<unknown>,
  expected: { code?: string; reason?: string; kind?: string },
): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (expected.code !== undefined) {
    t.type(error, EvtrackError)
    t.match(error, { code: expected.code })
    if (expected.reason !== undefined) t.match(error, { data: { reason: expected.reason } })
  } else {
    t.type(error, UsbError)
    if (expected.kind !== undefined) t.match(error, { kind: expected.kind })
  }
}
