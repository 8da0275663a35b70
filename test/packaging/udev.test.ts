import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { lacking, sh } from './shell.js'

/** The udev rule, judged by udev itself on a described camera. */

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-udev-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const rules = join(PACKAGE_ROOT, 'systemd/70-evtrackd.rules')
const device = '/sys/devices/pci0000:00/usb1/1-1'

// Rules are read from fixed places, so the place is ours for as long as udev looks. The group need not exist here.
const script = `mount -t tmpfs tmpfs /run/udev && mkdir /run/udev/rules.d
sed 's/GROUP="evtrackd"/GROUP="root"/' ${rules} >/run/udev/rules.d/70-evtrackd.rules
exec umockdev-run --device="$1" -- sh -c '
  memory=$UMOCKDEV_DIR/sys/module/usbcore/parameters
  mkdir -p "$memory" && echo "$1" >"$memory/usbfs_memory_mb"
  udevadm test --action="$2" ${device} 2>&1
  echo "usbfs=$(cat "$memory/usbfs_memory_mb")"' sh "$2" "$3"`

const skip =
  process.getuid?.() !== 0
    ? 'rules are read from /run: needs root'
    : lacking('unshare', 'umockdev-run', 'udevadm')

interface Plug {
  readonly product?: string
  readonly serial?: string
  readonly memoryMb?: number
  readonly action?: string
}

async function plug({
  product = '841a',
  serial = '00000042',
  memoryMb = 16,
  action = 'add',
}: Plug) {
  const file = join(dir, 'camera.umockdev')
  const lines = [
    'P: /devices/pci0000:00/usb1/1-1',
    'N: bus/usb/001/002',
    'E: DEVTYPE=usb_device',
    'E: SUBSYSTEM=usb',
    'A: idVendor=152a',
    `A: idProduct=${product}`,
    `A: serial=${serial}`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const { stdout } = await sh('unshare', [
    '-m',
    'sh',
    '-c',
    script,
    'sh',
    file,
    String(memoryMb),
    action,
  ])
  return {
    wants: /^SYSTEMD_WANTS=(.*)$/m.exec(stdout)?.[1],
    usbfs: /^usbfs=(.*)$/m.exec(stdout)?.[1],
    complaints: stdout
      .split('\n')
      .filter((line) => /70-evtrackd\.rules:\d+ (?!ATTR|Mode|Group|MODE|GROUP)/i.test(line)),
  }
}

t.test('a camera starts its services and raises the transfer memory', { skip }, async (t) => {
  t.same(await plug({}), {
    wants: 'evtrackd-camera.target evtrackd-camera@00000042.target',
    usbfs: '128',
    complaints: [],
  })
})

t.test('a memory limit that someone set stays', { skip }, async (t) => {
  t.equal((await plug({ memoryMb: 64 })).usbfs, '64')
  t.equal((await plug({ memoryMb: 1000 })).usbfs, '1000')
})

t.test(
  'other devices, removals and serial numbers with a path start nothing of the kind',
  { skip },
  async (t) => {
    for (const other of [{ product: '8419' }, { action: 'remove' }]) {
      const { wants, usbfs } = await plug(other)
      t.same([wants, usbfs], [undefined, '16'])
    }
    t.equal((await plug({ serial: '../../x' })).wants, 'evtrackd-camera.target')
  },
)
