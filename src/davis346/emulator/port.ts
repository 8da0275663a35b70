import { EvtrackError } from '../../events/errors.js'
import type { Clock } from '../../events/time.js'
import type { UsbDeviceInfo, UsbHandle, UsbPort } from '../../usb/port.js'
import { EmulatedCamera, type EmulatedCameraOptions } from './camera.js'
import { type CameraFaults, createFaults } from './faults.js'
import { EmulatedHandle } from './handle.js'
import type { Davis346Model } from './model.js'

export interface EmulatedPortCamera {
  readonly info: UsbDeviceInfo
  /** The camera's inside: registers, counters, times. A new one after each plug-in. */
  readonly model: Davis346Model
  readonly faults: CameraFaults
  /** Lets `us` of device time pass at the manual pace. */
  advance(us: number): void
}

export interface EmulatedPort extends UsbPort {
  readonly cameras: readonly EmulatedPortCamera[]
}

export interface EmulatedPortOptions {
  /** Cameras to make, or cameras that other ports see as well. */
  readonly cameras: readonly (Omit<EmulatedCameraOptions, 'clock' | 'busNumber'> | EmulatedCamera)[]
  readonly clock: Clock
}

/** A UsbPort with emulated cameras behind it, in this process. The contract is that of usb/port.ts. */
export function createEmulatedPort({ cameras: options, clock }: EmulatedPortOptions): EmulatedPort {
  const cameras = options.map((each, i) =>
    each instanceof EmulatedCamera
      ? each
      : new EmulatedCamera({ ...each, clock, busNumber: i + 1 }),
  )
  const handles = new Set<EmulatedHandle>()
  const unsubscribes = new Set<() => void>()
  let closed = false

  const listen = (plugged: boolean, listener: (device: UsbDeviceInfo) => void): (() => void) => {
    const offs = cameras.map((camera) =>
      camera.onPlug((now) => {
        if (now === plugged) listener(camera.info)
      }),
    )
    const off = () => {
      for (const each of offs) each()
      unsubscribes.delete(off)
    }
    if (closed) off()
    else unsubscribes.add(off)
    return off
  }

  return {
    cameras: cameras.map((camera) => {
      const faults = createFaults(camera)
      return {
        get info() {
          return camera.info
        },
        get model() {
          return camera.model
        },
        faults,
        advance: (us) => camera.advance(us),
      }
    }),
    list: async () => cameras.filter(({ plugged }) => plugged).map(({ info }) => info),
    async open(device): Promise<UsbHandle> {
      const camera = cameras.find(
        ({ info, plugged }) =>
          plugged &&
          info.busNumber === device.busNumber &&
          info.deviceAddress === device.deviceAddress,
      )
      if (!camera || closed) {
        throw new EvtrackError('CAMERA_NOT_FOUND', 'The camera is not connected any more.', {
          next: 'Plug the camera in; evtrackd devices lists what is there.',
          data: { serial: device.serial },
        })
      }
      if (camera.disturb.denied) throw busy(device, 'permission')
      const handle = new EmulatedHandle({
        camera,
        clock,
        onClose: () => handles.delete(handle),
      })
      if (!camera.claim(handle)) throw busy(device, 'claimed')
      camera.configuration = 1
      handles.add(handle)
      return handle
    },
    onAttach: (listener) => listen(true, listener),
    onDetach: (listener) => listen(false, listener),
    async close() {
      closed = true
      for (const off of [...unsubscribes]) off()
      await Promise.all([...handles].map((handle) => handle.close()))
    },
  }
}

function busy(device: UsbDeviceInfo, reason: 'permission' | 'claimed'): EvtrackError {
  const data = { reason, serial: device.serial }
  return reason === 'permission'
    ? new EvtrackError('CAMERA_BUSY', 'The camera may not be opened: no permission.', {
        next: 'Install the udev rule 70-evtrackd.rules and join the group evtrackd.',
        data,
      })
    : new EvtrackError('CAMERA_BUSY', 'Another program uses the camera.', {
        next: 'Stop the other program (a viewer, or another evtrackd) and try again.',
        data,
      })
}
