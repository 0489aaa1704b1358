const UNITS = ["B", "KiB", "MiB", "GiB"];

/** Formats a number of bytes. */
export function sizeOf(bytes) {
  const power = Math.min(Math.floor(Math.log2(bytes || 1) / 10), UNITS.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power ? 1 : 0)} ${UNITS[power]}`;
}
