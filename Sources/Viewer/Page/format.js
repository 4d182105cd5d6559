// Numbers as people read them.

export function bytes(count) {
  if (count === null || count === undefined) return ""
  const units = ["B", "kB", "MB", "GB", "TB"]
  let k = 0
  while (count >= 1000 && k < units.length - 1) {
    count /= 1000
    k++
  }
  return `${k === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[k]}`
}

// 4.1 M, for events and their rate.
export function amount(count) {
  if (count === null || count === undefined) return ""
  const units = ["", " k", " M", " G"]
  let k = 0
  while (Math.abs(count) >= 1000 && k < units.length - 1) {
    count /= 1000
    k++
  }
  return `${k === 0 || Math.abs(count) >= 100 ? Math.round(count) : count.toFixed(1)}${units[k]}`
}

export const rate = (perSecond) => (perSecond === null || perSecond === undefined ? "" : `${amount(perSecond)} ev/s`)

export function duration(us) {
  if (us === null || us === undefined) return ""
  const s = us / 1e6
  if (s < 1) return `${trimmed(us / 1000, 1)} ms`
  if (s < 60) return `${trimmed(s, 2)} s`
  const whole = Math.round(s)
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  if (parts[0] === 0) parts.shift()
  return parts.map((part, k) => (k === 0 ? part : String(part).padStart(2, "0"))).join(":") + (parts.length === 3 ? " h" : " min")
}

// 1:02:03.004, as a clock; decimals 3 or 6.
export function clock(us, decimals = 3) {
  const sign = us < 0 ? "-" : ""
  const whole = Math.floor(Math.abs(us) / 1e6)
  const rest = Math.floor(Math.abs(us)) % 1e6
  const fraction = String(rest).padStart(6, "0").slice(0, decimals)
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  const two = (n) => String(n).padStart(2, "0")
  return `${sign}${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}.${fraction}`
}

// For a screen reader: "1.234 seconds".
export const spoken = (us) => `${(us / 1e6).toFixed(3)} seconds`

export const trimmed = (value, decimals) => String(Number(value.toFixed(decimals)))

export function value(number) {
  if (number === null || number === undefined) return "nan"
  if (Number.isInteger(number)) return String(number)
  const size = Math.abs(number)
  return size >= 1e5 || size < 1e-3 ? number.toExponential(3) : String(Number(number.toPrecision(5)))
}

export const count = (number, one, many = one + "s") => `${number.toLocaleString("en")} ${number === 1 ? one : many}`
