import { createBatch } from '../../src/events/batch.js'
import { systemClock } from '../../src/events/time.js'
import { createRecorder } from '../../src/sources/recorder.js'

/** Records without end until it is killed, and says once when the file has grown past 200 kB. Argument: the path. */
const recorder = await createRecorder({
  to: { path: process.argv[2]! },
  camera: { name: 'DAVIS346', serial: '00000489', size: { width: 346, height: 260 } },
  clock: systemClock,
  tsOffsetUs: 0,
  limits: { minFreeBytes: 0 },
})
const batch = createBatch(500)
let n = 0
let told = false
for (;;) {
  batch.length = 500
  batch.t0Us = n * 2
  for (let i = 0; i < 500; i++, n++) {
    batch.dtUs[i] = i * 2
    batch.x[i] = n % 346
    batch.y[i] = (n * 7) % 260
    batch.on[i] = n & 1
  }
  recorder.events(batch)
  if (n % 50_000 === 0) {
    recorder.imu({ tUs: n * 2, accel: [0, 0, 1], gyro: [0, 0, 0], temperatureC: 30 })
    await systemClock.sleep(1)
  }
  if (!told && recorder.status().fileBytes > 200_000) {
    told = true
    process.stdout.write('grown\n')
  }
}
