/** A window is at most this many hops long: every hop keeps two images of its own. */
export const MAX_HOPS = 64

/** Longest refractory or background-activity time, microseconds: the filters remember pixels at least this long. */
export const MAX_FILTER_US = 10_000_000
