import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { createFaults } from '../../src/davis346/emulator/faults.js'
import { systemClock } from '../../src/events/time.js'
import { sceneByName } from '../../src/sources/scene/named.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { sceneStimulus } from '../../src/sources/scene-stimulus.js'
import { UsbRedirPeer } from '../usbredir/peer.js'

/**
 * The outside of scripts/vm-test: an emulated camera on a usbredir socket, qemu with a 64-bit Arm board, and its console.
 * usage: run.js KERNEL INITRD DISK [VERBOSE]
 */

const [kernel, initrd, disk, verbose] = process.argv.slice(2) as [string, string, string, string?]
const LIMIT_MS = 45 * 60_000

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-vm-'))
const stimulus = sceneStimulus(createScene(sceneByName('clean', 3)))
const camera = new EmulatedCamera({
  clock: systemClock,
  stimulus,
  plugged: process.env['VM_CAMERA'] === 'plugged',
})
const faults = createFaults(camera)
const peer = new UsbRedirPeer(camera)
const socket = join(dir, 'usb')
await peer.listen(socket)

const started = performance.now()
const seconds = () => ((performance.now() - started) / 1000).toFixed(0).padStart(5)
const qemu = spawn(
  'qemu-system-aarch64',
  [
    [
      '-M',
      'virt',
      '-cpu',
      'max,pauth-impdef=on',
      '-smp',
      '2',
      '-m',
      '2048',
      '-nographic',
      '-nodefaults',
    ],
    ['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyAMA0 quiet rw'],
    ['-drive', `if=none,id=disk,file=${disk},format=raw`, '-device', 'virtio-blk-pci,drive=disk'],
    ['-serial', 'stdio', '-device', 'qemu-xhci,id=xhci'],
    ['-chardev', `socket,id=redir,path=${socket}`, '-device', 'usb-redir,chardev=redir,bus=xhci.0'],
  ].flat(),
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
const overdue = setTimeout(() => {
  process.stdout.write(
    `${seconds()} s  FAIL the board did not come to its end in ${LIMIT_MS / 60_000} minutes\n`,
  )
  qemu.kill('SIGKILL')
}, LIMIT_MS)

let done = false
for await (const line of createInterface({ input: qemu.stdout! })) {
  if (verbose === 'verbose') process.stderr.write(`${line}\n`)
  const said = /@@ (.*)/.exec(line)?.[1]?.trim()
  if (said === undefined) continue
  process.stdout.write(`${seconds()} s  ${said}\n`)
  if (said === 'plug') await faults.plug()
  else if (said === 'unplug') await faults.unplug('bus')
  else if (said === 'done') done = true
}
clearTimeout(overdue)
await peer.close()
rmSync(dir, { recursive: true, force: true })
process.exit(done ? 0 : 1)
