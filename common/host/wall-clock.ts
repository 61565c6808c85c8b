/** The time of day, in milliseconds since 1970: for what outlives a process. Everything else runs on `HostClock`. */
export const wallNowMs = (): number => Date.now();
