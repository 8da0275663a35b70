import { z } from 'zod'
import { clusterSchema } from './cluster-schema.js'

const share = z.number().min(0).max(1)
const windows = z.int().min(1).max(1000)

/** How new targets are found without being told: coherent moving clusters of events. */
export const proposalsSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Start targets by themselves; commands always can.'),
  cellPx: z
    .int()
    .min(2)
    .max(64)
    .default(8)
    .describe('Side of the grid cells events are counted in.'),
  cellPixels: z
    .int()
    .min(1)
    .default(4)
    .describe('Pixels with events that make a cell busy; more where the sensor is noisy.'),
  windows: windows.default(6).describe('Windows a cluster must have been followed.'),
  movePx: z.number().min(0).default(4).describe('Pixels it must have moved, start to end.'),
  horizonMs: z
    .number()
    .positive()
    .default(1000)
    .describe('How far back its movement is judged: slower than movePx in this time is standing.'),
  straightness: share
    .default(0.6)
    .describe('Distance from start to end over the length of the path, at least.'),
  contrast: z
    .number()
    .min(1)
    .default(2)
    .describe('Event density inside the cluster over the density around it, at least.'),
  minPx: z.number().min(1).default(10).describe('Smallest side of a proposed box, pixels.'),
  maxShare: share.default(0.2).describe('Largest share of the sensor a cluster may cover.'),
  busyShare: share
    .default(0.35)
    .describe(
      'Above this share of cells with cellPixels the camera itself moves: nothing is proposed.',
    ),
})
export type ProposalsConfig = z.infer<typeof proposalsSchema>

/** What can follow a target. */
export const TRACKERS = ['spiking', 'cluster'] as const
export type TrackerKind = (typeof TRACKERS)[number]

/** When a target is believed, silent, lost and given up. Windows count evidence, milliseconds device time. */
export const trackingSchema = z.strictObject({
  tracker: z
    .enum(TRACKERS)
    .default('spiking')
    .describe(
      'spiking: the network of the model package; cluster: event clusters, which need no model.',
    ),
  maxTargets: z
    .int()
    .min(1)
    .max(64)
    .default(8)
    .describe(
      'Targets followed at once, unconfirmed ones included. Each costs one inference a window.',
    ),
  minBoxPx: z.number().min(1).default(6).describe('Smallest width and height of a box, pixels.'),
  confirmScore: share.default(0.4).describe('Score that counts towards confirming a found target.'),
  confirmWindows: windows
    .default(4)
    .describe('Good windows in a row before a target is published.'),
  confirmMovePx: z
    .number()
    .min(0)
    .default(2)
    .describe('Pixels a found target must have moved before it is published.'),
  tentativeMisses: windows
    .default(3)
    .describe('Bad windows in a row that drop an unconfirmed target.'),
  tentativeMs: z
    .number()
    .positive()
    .default(1000)
    .describe('Time an unconfirmed target has to be confirmed.'),
  keepScore: share
    .default(0.4)
    .describe('Score that keeps a target; below it the window is a miss.'),
  lostAfterWindows: windows.default(8).describe('Misses in a row before a target is lost.'),
  reacquireScore: share.default(0.45).describe('Score that brings a lost target back.'),
  reacquireWindows: windows.default(2).describe('Such windows in a row before it is reacquired.'),
  lostMs: z
    .number()
    .positive()
    .default(3000)
    .describe('How long a lost target lives that was found by itself.'),
  commandedLostMs: z
    .number()
    .positive()
    .default(30_000)
    .describe('How long a target started by a command is looked for when it is lost or has left.'),
  stillAfterWindows: windows
    .default(5)
    .describe('Silent windows in a row before a target is still.'),
  stillMs: z
    .number()
    .min(0)
    .default(60_000)
    .describe('How long a target found by itself may stay still before it ends; 0: for ever.'),
  silentPixels: z
    .int()
    .min(0)
    .default(8)
    .describe('Pixels with events, beyond the noise, below which a region is silent.'),
  fadeShare: share
    .default(0.3)
    .describe(
      'With fewer events than this share of the usual ones a target is followed with less trust, and a miss is silence.',
    ),
  gapGraceWindows: z
    .int()
    .min(0)
    .max(1000)
    .default(3)
    .describe('Windows after lost data in which a miss does not count.'),
  templatePixels: z
    .int()
    .min(1)
    .default(20)
    .describe('Pixels with events in the box that a template needs.'),
  templateRenewMs: z
    .number()
    .min(0)
    .default(0)
    .describe('Take a second template when this old and the target is sure; 0: never.'),
  templateRenewScore: share.default(0.8).describe('Score for which a target is sure.'),
  windowStrength: share
    .default(0.3)
    .describe('How strongly the middle of the search region is preferred; 0: not at all.'),
  positionGain: share
    .default(0.8)
    .describe('Share of a measured displacement that the box follows at once.'),
  velocityGain: share
    .default(0.1)
    .describe('Share of a measured displacement that changes the velocity.'),
  sizeGain: share
    .default(0.1)
    .describe('Share of a measured change of size taken over each window.'),
  sizeStep: z
    .number()
    .min(1)
    .default(1.6)
    .describe('Largest factor a measured size may differ by.'),
  sizeRange: z
    .number()
    .min(1)
    .default(3)
    .describe('Largest factor between the size now and when the template was taken.'),
  maxSpeed: z.number().positive().default(3000).describe('Fastest target, pixels per second.'),
  coastMs: z
    .number()
    .positive()
    .default(150)
    .describe('Time after which an unseen target is expected at half its velocity.'),
  searchGrowthPerSecond: z
    .number()
    .min(0)
    .default(1)
    .describe('Growth of the search region while a target is unseen, in its own sides per second.'),
  searchGrowthMax: z.number().min(1).default(1.6).describe('Largest factor of that growth.'),
  mergeOverlap: share
    .default(0.7)
    .describe('Share of the smaller box inside the larger from which two targets may be the same.'),
  mergeSpeed: z
    .number()
    .min(0)
    .default(60)
    .describe('Difference of velocity up to which they may be the same, pixels per second.'),
  mergeWindows: windows.default(6).describe('Such windows in a row before they merge.'),
  proposals: proposalsSchema.prefault({}).describe('Finding targets without being told.'),
  cluster: clusterSchema.prefault({}).describe('How event clusters follow, for tracker "cluster".'),
})
export type TrackingConfig = z.infer<typeof trackingSchema>
