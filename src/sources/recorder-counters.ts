/** What a recorder counts. The first four are what will be in the file, the next four what will not. */
export const COUNTERS = [
  'events',
  'images',
  'imuSamples',
  'triggers',
  'eventsDropped',
  'imagesDropped',
  'imuSamplesDropped',
  'triggersDropped',
  'eventsOffSensor',
  'backInTime',
  'timeAnchors',
  'packets',
  'fileBytes',
] as const

/** Counter of the elements of each stream that were taken. */
export const COUNTED = {
  events: 'events',
  images: 'images',
  imu: 'imuSamples',
  triggers: 'triggers',
} as const
/** Counter of those that were not: the queue was full, a limit was reached, the disk failed. */
export const DROPPED = {
  events: 'eventsDropped',
  images: 'imagesDropped',
  imu: 'imuSamplesDropped',
  triggers: 'triggersDropped',
} as const
