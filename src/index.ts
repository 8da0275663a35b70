/** The public library surface of evtrackd; nothing else is API. */

export { createDecoder, type Decoder, type DecoderSink } from './davis346/decoder.js'
export { createEmulatedPort, type EmulatedPort } from './davis346/emulator/port.js'
export { loadFirmwareGates, loadPreset } from './davis346/presets.js'
export { createBatch, type EventBatch } from './events/batch.js'
export { ERROR_CODES, type ErrorCode, EvtrackError } from './events/errors.js'
export { type Box, DAVIS346_SIZE, iou, type Size } from './events/geometry.js'
export type { ApsImage, Gap, ImuSample, Trigger, TruthBox } from './events/signals.js'
export { loadModelPackage, type ModelPackage } from './inference/model-package.js'
export { createTrackerSession } from './inference/session.js'
export type {
  SearchMaps,
  TemplateState,
  TrackerSession,
  TrackerSpec,
} from './inference/tracker-session.js'
export type { Frame, WindowHeader } from './pipeline/frame.js'
export { Pipeline, type PipelineConfig } from './pipeline/pipeline.js'
export { type CameraSource, createCameraSource } from './sources/camera.js'
export { createRecorder } from './sources/recorder.js'
export { createRecordingSource, type RecordingSource } from './sources/recording.js'
export { sceneByName } from './sources/scene/named.js'
export { createScene, type Scene } from './sources/scene/scene.js'
export type { Source, SourceInfo, SourceSink, SourceState } from './sources/source.js'
export { createTargetManager, type TargetManager } from './tracking/manager.js'
export type { StepResult, Track, TrackEvent, TrackState } from './tracking/track.js'
export { createLibusbPort } from './usb/libusb.js'
export type { UsbDeviceInfo, UsbHandle, UsbPort } from './usb/port.js'
